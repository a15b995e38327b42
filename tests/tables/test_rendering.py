"""CSV, Markdown and LaTeX of one table with all that needs care in it."""

import io
import re

import pandas as pd
import pytest

from bench.formatting.rendering import FORMATS, csv, escaped, latex, markdown
from bench.formatting.safe_csv import to_csv
from bench.formatting.table import Table

SPECIAL = r"50% of $5 & #1_a {x} ~ ^ \ < > |"


def a_table(n_rows: int = 2) -> Table:
    cells = pd.DataFrame(
        {"Me_thod": [SPECIAL, "I/B"] * (n_rows // 2), "NLL (nats)": ["0.10 *", "-"] * (n_rows // 2)}
    )
    numbers = pd.DataFrame({"method": ["x", "y"], "nll": [0.1234567890123, float("nan")]})
    return Table(
        stem="nll_toy", caption="100% of it.", numbers=numbers, cells=cells,
        notes=("Note_1.", "Note 2."),
    )  # fmt: skip


def test_the_csv_has_all_digits() -> None:
    assert csv(a_table()).splitlines() == ["method,nll", "x,0.1234567890123", "y,"]
    read = pd.read_csv(io.StringIO(csv(a_table())))
    pd.testing.assert_frame_equal(read, a_table().numbers)


def test_the_markdown_is_as_written() -> None:
    lines = markdown(a_table()).splitlines()
    assert lines[0] == "**100% of it.**"
    assert lines[2].split("|")[1].strip() == "Me_thod"
    # The bar in the cell is escaped: every row has as many cells as the head.
    rows = [line for line in lines if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [3] * 4
    assert rows[2].split(" | ")[1] == "0.10 *       |"  # no number is reformatted
    assert lines[-3:] == ["Note_1.", "", "Note 2."]


def test_the_latex_is_a_float_with_booktabs_rules_and_one_caption() -> None:
    text = latex(a_table())
    for once in (
        r"\begin{table}", r"\end{table}", r"\begin{tabular}{ll}", r"\end{tabular}", r"\toprule",
        r"\midrule", r"\bottomrule", r"\centering", r"\caption{100\% of it. Note\_1. Note 2.}",
        r"\label{tab:nll_toy}",
    ):  # fmt: skip
        assert text.count(once) == 1, once
    assert r"Me\_thod & NLL (nats) \\" in text
    assert text.count("caption") == 1


def test_every_special_character_is_escaped() -> None:
    text = latex(a_table())
    row = next(line for line in text.splitlines() if line.startswith(r"50\%"))
    assert row == (
        r"50\% of \$5 \& \#1\_a \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"\textless{} \textgreater{} \textbar{} & 0.10 * \\"
    )


def test_what_is_escaped_reads_as_the_text() -> None:
    words = {"textasciitilde": "~", "textasciicircum": "^", "textbackslash": "\\",
             "textless": "<", "textgreater": ">", "textbar": "|"}  # fmt: skip
    read = re.sub(
        r"\\(?:([a-z]+)\{\}|([^a-z]))", lambda m: words[m[1]] if m[1] else m[2], escaped(SPECIAL)
    )
    assert read == SPECIAL


def test_a_deviation_has_its_sign() -> None:
    assert escaped("0.1 +- 0.2") == r"0.1 $\pm$ 0.2"


def test_a_row_does_not_begin_with_what_a_line_break_would_take() -> None:
    assert [escaped(text) for text in ("[0, 1]", "* best", "0 [1]")] == [
        "{}[0, 1]", "{}* best", "0 [1]",
    ]  # fmt: skip


@pytest.mark.parametrize("n_rows", [2, 60])
def test_the_latex_is_well_formed(n_rows: int) -> None:
    text = latex(a_table(n_rows))
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    bare = re.sub(r"\\[{}\\]", "", text)
    assert bare.count("{") == bare.count("}")
    # A longtable's head and foot come before its rows.
    body = text[text.rindex(r"\endlastfoot" if n_rows > 2 else r"\midrule") :]
    rows = [line for line in body.splitlines() if line.endswith(r"\\") and " & " in line]
    assert len(rows) == n_rows
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {1}


def test_a_long_table_breaks_over_pages() -> None:
    text = latex(a_table(60))
    assert r"\begin{longtable}{ll}" in text
    assert r"\endhead" in text
    assert text.count(r"\caption") == 1
    assert r"\begin{table}" not in text


def test_a_cell_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match=r"toy: NLL has the cell 0\.1; cells are text"):
        Table(stem="toy", caption="", numbers=pd.DataFrame(), cells=pd.DataFrame({"NLL": [0.1]}))


def test_the_formats() -> None:
    assert list(FORMATS) == ["csv", "md", "tex"]


def test_no_cell_of_a_csv_is_a_formula() -> None:
    frame = pd.DataFrame({"label": ["=1+1", "+x", "-x", "@x", "a=b", None], "value": [-1.5] * 6})
    lines = to_csv(frame).splitlines()
    assert lines == ["label,value", "'=1+1,-1.5", "'+x,-1.5", "'-x,-1.5", "'@x,-1.5", "a=b,-1.5",
                     ",-1.5"]  # fmt: skip
