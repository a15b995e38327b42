"""A table as CSV, Markdown and LaTeX. Formats are rows of ``FORMATS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd

from bench.formatting.safe_csv import to_csv
from bench.formatting.table import Table

# What LaTeX would read as a command, and characters that its default fonts lack.
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
        "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    }
)  # fmt: skip
# More rows than this do not fit a page.
_LONGEST_FLOAT = 40
# So many fit A4 with margins of 2 cm: 17 cm, at 4 pt a letter, less the space between ten columns.
_SCRIPT_LETTERS = 105


def csv(table: Table) -> str:
    """The numbers, unrounded; a missing one is empty."""
    return to_csv(table.numbers)


def markdown(table: Table) -> str:
    """Caption, cells, notes."""
    return "\n\n".join([f"**{table.caption}**", grid(table.cells), *table.notes]) + "\n"


def grid(cells: pd.DataFrame) -> str:
    """Cells of text as a Markdown table."""
    safe = cells.map(lambda cell: cell.replace("|", r"\|"))  # a bar in a cell ends it
    # Numbers that are text already must not be reformatted.
    return safe.to_markdown(index=False, disable_numparse=True)


def latex(table: Table) -> str:
    r"""The cells as a float with a caption, or a longtable, no wider than the text where possible.

    Needs \usepackage{booktabs,graphicx,longtable}. Notes end the caption: a float has no other
    place for them that survives a page break.
    """
    styler = table.cells.style.hide(axis="index")
    styler = styler.format(escaped).format_index(escaped, axis=1)
    is_long = len(table.cells) > _LONGEST_FLOAT
    text = str(
        styler.to_latex(
            hrules=True,
            column_format="l" * len(table.cells.columns),
            caption=escaped(" ".join([table.caption, *table.notes])),
            label=f"tab:{table.stem}",
            environment="longtable" if is_long else "table",
            position_float=None if is_long else "centering",
        )
    )
    return _small(text, _letters(table.cells)) if is_long else _shrunk(text)


def _letters(cells: pd.DataFrame) -> int:
    """How many letters wide the columns are together."""
    return sum(max(map(len, [str(head), *column])) for head, column in cells.items())


def _small(longtable: str, letters: int) -> str:
    """In small print, the smaller the wider: what breaks over pages cannot be scaled."""
    size = r"\scriptsize" if letters <= _SCRIPT_LETTERS else r"\tiny"
    # pandas repeats a longtable's caption, notes and all, on every page.
    lines = longtable.splitlines(keepends=True)
    kept = "".join(line for line in lines if not line.startswith(r"\caption[]"))
    return f"\\begingroup{size}\\setlength{{\\tabcolsep}}{{3pt}}\n{kept}\\endgroup\n"


def _shrunk(float_: str) -> str:
    """The tabular scaled down to the width of the text if it is wider."""
    head, begin, rest = float_.partition(r"\begin{tabular}")
    body, end, foot = rest.partition(r"\end{tabular}")
    width = r"\ifdim\width>\linewidth\linewidth\else\width\fi"
    return f"{head}\\resizebox{{{width}}}{{!}}{{%\n{begin}{body}{end}}}{foot}"


def escaped(text: object) -> str:
    r"""The text as LaTeX prints it; at the start of a row, \\ would take [ or * for its own."""
    printed = str(text).translate(_LATEX).replace("+-", r"$\pm$")
    return f"{{}}{printed}" if printed.startswith(("[", "*")) else printed


FORMATS: Mapping[str, Callable[[Table], str]] = MappingProxyType(
    {"csv": csv, "md": markdown, "tex": latex}
)
