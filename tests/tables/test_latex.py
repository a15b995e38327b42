"""LaTeX itself reads every table, and none is wider than its page."""

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from claims.stored_study import predictive, save

from bench import tables as registry
from bench.formatting.rendering import latex
from bench.formatting.table import Table
from bench.records.frames import load_frames

PDFLATEX = shutil.which("pdflatex")
pytestmark = pytest.mark.skipif(PDFLATEX is None, reason="needs pdflatex")
SPECIAL = r"50% of $5 & #1_a {x} ~ ^ \ < > |"
DOCUMENT = r"""\documentclass[a4paper]{{article}}
\usepackage[margin=2cm]{{geometry}}
\usepackage{{booktabs,graphicx,longtable}}
\begin{{document}}
{table}
Table~\ref{{{label}}}.
\end{{document}}
"""


def compiled(folder: Path, table: Table) -> str:
    """The log of a document that holds the table alone, read twice for its references."""
    document = DOCUMENT.format(table=latex(table), label=f"tab:{table.stem}")
    (folder / "table.tex").write_text(document)
    command = [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        log = (folder / "table.log").read_text(errors="replace")
        assert done.returncode == 0, log[-3000:]
    assert (folder / "table.pdf").stat().st_size > 1000
    return log


def a_table(n_rows: int, cell: str = "x", n_columns: int = 3) -> Table:
    cells = pd.DataFrame({f"Head_{i} %": [cell] * n_rows for i in range(n_columns)})
    return Table(
        stem="of_rows", caption="100% of A & B.", numbers=cells, cells=cells, notes=("Note_1.",)
    )


@pytest.mark.parametrize("n_rows", [2, 100])
@pytest.mark.parametrize(
    "cell", [r"50% of $5 & #1_a {x} ~ ^ \ < > |", "[0, 1] *", "1.0 +- 0.2", ""]
)
def test_special_characters_compile(n_rows: int, cell: str, tmp_path: Path) -> None:
    log = compiled(tmp_path, a_table(n_rows, cell))
    assert "undefined" not in log
    assert "Missing character" not in log


def test_a_wide_float_is_scaled_to_the_text_and_a_narrow_one_is_not(tmp_path: Path) -> None:
    for n_columns in (2, 30):
        folder = tmp_path / str(n_columns)
        folder.mkdir()
        assert "Overfull" not in compiled(folder, a_table(3, "0.123 [0.100, 0.200]", n_columns))


@pytest.mark.parametrize("n_columns", [4, 6])
def test_a_wide_long_table_is_in_print_that_fits(n_columns: int, tmp_path: Path) -> None:
    table = a_table(100, "0.123 [0.100, 0.200] *", n_columns)
    assert (r"\tiny" in latex(table)) == (n_columns == 6)
    assert "Overfull" not in compiled(tmp_path, table)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for a row in every table."""
    root = tmp_path_factory.mktemp("study")
    good = predictive(range(20))
    for seed in (0, 1):
        save(root, "std", "Standard NN", seed=seed, val=good, test=good)
        save(root, "ens", "NN Ensemble", seed=seed, val=good, test=good, flops=200)
    for n_inputs in (1, 2, 3):
        save(
            root, f"ib{n_inputs}", "I/B", val=good, test=predictive(range(10 * n_inputs)),
            settings={"n_inputs": n_inputs, "n_exits": 2}, flops=100 * n_inputs,
        )  # fmt: skip
    return root


@pytest.mark.parametrize("name", registry.names())
def test_every_table_compiles_and_fits(name: str, study: Path, tmp_path: Path) -> None:
    tables = list(registry.load(name)(load_frames(study)))
    assert tables
    for table in tables:
        folder = tmp_path / table.stem
        folder.mkdir()
        log = compiled(folder, table)
        assert "undefined" not in log
        assert "Overfull" not in log, table.stem
