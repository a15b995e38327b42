"""What was measured, as the tables of docs/latency/: deployed against trained, FLOPs against time.

    python -m bench.latency --results results              # on a quiet machine, for each folder
    python -m perf.latency_table results other-results --out docs/latency

Each argument is a results folder with measurements. Writes `deployed.md` (the deployed
network against the trained one), `flops.md` (where FLOPs mislead) and `runs.md` (every run).
Nothing is measured here.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from bench.errors import UserError
from bench.records.frames import load_frames
from bench.records.measurements import RUNTIMES, flat, machines_of, measurements
from perf.latency_verdicts import (
    KINDS,
    UNKNOWN,
    VERDICTS,
    cases,
    counted,
    misordered,
    verdict,
)

LOG = logging.getLogger(__name__)
_FACTS = ("run_id", "dataset", "backbone", "category", "label", "flops", "params")
_WHEN = {"latency_ms": "one image", "image_ms": "a batch"}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the tables.

    Returns:
        0: written; 2: a folder has no measurements.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS")
    parser.add_argument("--out", type=Path, default=Path("docs/latency"), metavar="FOLDER")
    options = parser.parse_args(argv)
    try:
        rows = pd.concat([measured_runs(folder) for folder in options.results], ignore_index=True)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    for name, page in (("deployed", deployed_page), ("flops", flops_page), ("runs", runs_page)):
        path = options.out / f"{name}.md"
        path.write_text("\n".join([*page(rows), ""]))
        LOG.info("%s", path)
    return 0


def measured_runs(results: Path) -> pd.DataFrame:
    """One row for each measurement of a results folder: facts of the run, and what was measured.

    Raises:
        UserError: nothing was measured there.
    """
    found = pd.DataFrame([flat(measurement) for measurement in measurements(results)])
    if found.empty:
        raise UserError(
            f"{results}: nothing was measured; run python -m bench.latency --results {results}"
        )
    numbers = found.columns.difference(["run_id", "machine"])
    found[numbers] = found[numbers].astype(float)  # null is NaN
    facts = load_frames(results).runs.drop_duplicates("run_id")[list(_FACTS)]
    return facts.merge(found, on="run_id").sort_values(
        ["backbone", "dataset", "category", "flops", "run_id"], ignore_index=True
    )


def deployed_page(rows: pd.DataFrame) -> Iterator[str]:
    """Is what is shipped no slower than what was trained?"""
    compared = cases(rows)
    told = compared[compared["verdict"] != UNKNOWN]
    slower = told[told["verdict"] == "slower"]
    yield from _head("The deployed network against the trained one", rows)
    yield (
        f"In {len(told) - len(slower)} of {len(told)} cases the deployed network is faster than "
        "the trained one or equal to it. A case is a run and a kind of batch; equal: the 95% "
        "intervals of the medians meet. Ratio: time / time of the trained network, by medians."
    )
    if len(told) < len(compared):
        yield f"\n{len(compared) - len(told)} more cases have no intervals (too few rounds)."
    yield "\nThe deployed MC Dropout is given its masks: drawing them is not in its time.\n"
    yield from _row("Backbone", "Category", "When", *VERDICTS[:3], "median ratio", "largest")
    yield _rule(8)
    keys = ["backbone", "category", "kind"]
    for (backbone, category, kind), group in compared.groupby(keys, sort=True):
        counts = counted(list(group["verdict"]))
        yield from _row(
            backbone, category, _WHEN[str(kind)],
            *(counts[one] for one in VERDICTS[:3]),
            f"{group['ratio'].median():.2f}", f"{group['ratio'].max():.2f}",
        )  # fmt: skip
    if len(slower):
        yield "\nSlower:\n"
        for case in slower.sort_values("ratio", ascending=False).to_dict("records"):
            yield f"- `{case['run_id']}`, {_WHEN[case['kind']]}: {case['ratio']:.2f}"


def flops_page(rows: pd.DataFrame) -> Iterator[str]:
    """Do FLOPs order the networks by time, and whose time do they understate?"""
    yield from _head("Where FLOPs mislead", rows)
    yield (
        "Rank correlation (Spearman) of FLOPs and time over the networks of a backbone, and how "
        "many of the pairs whose times can be told apart FLOPs order wrongly.\n"
    )
    yield from _row(
        "Dataset", "Backbone", "Runtime", "When", "networks", "rank corr.", "wrong pairs"
    )
    yield _rule(7)
    for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=True):
        for key, runtime, kind in _times(group, ("eager", "onnx")):
            yield from _row(
                dataset, backbone, RUNTIMES[runtime], _WHEN[kind], len(group),
                _correlation(group, key), " of ".join(map(str, misordered(group, key))),
            )  # fmt: skip
    yield (
        "\nTime per FLOP by category, relative to the median network of the backbone (ONNX "
        "Runtime, medians): above 1, it is slower than its FLOPs say.\n"
    )
    yield from _row("Dataset", "Backbone", "Category", "networks", *_WHEN.values())
    yield _rule(6)
    for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=True):
        per_flop = group[[f"onnx_{kind}" for kind in KINDS]].div(group["flops"], axis=0)
        relative = (per_flop / per_flop.median()).groupby(group["category"], sort=True)
        for category, values in relative:
            medians = (f"{value:.2f}" for value in values.median())
            yield from _row(dataset, backbone, category, len(values), *medians)


def runs_page(rows: pd.DataFrame) -> Iterator[str]:
    """Every run: milliseconds of an image by runtime, with the ratio to the trained network."""
    yield from _head("Every measured run", rows)
    yield (
        "Milliseconds of an image, alone / in a batch; in brackets the ratio to the trained "
        "network. Last: is the deployed network faster?\n"
    )
    heads = ("Dataset", "Backbone", "Category", "Configuration", "FLOPs", *RUNTIMES, "deployed")
    yield from _row(*heads)
    yield _rule(len(heads))
    for row in rows.to_dict("records"):
        verdicts = (verdict(row, f"eager_{kind}", f"full_{kind}") for kind in KINDS)
        yield from _row(
            row["dataset"], row["backbone"], row["category"], row["label"], f"{row['flops']:,.0f}",
            *(_both(row, runtime) for runtime in RUNTIMES), " / ".join(verdicts),
        )  # fmt: skip


def _both(row: Mapping[Any, Any], runtime: str) -> str:
    """Both times of a runtime, with their ratios; a dash where it was not measured."""
    times = [row.get(f"{runtime}_{kind}", np.nan) for kind in KINDS]
    if np.isnan(times).any():
        return "-"
    text = f"{times[0]:.3f} / {times[1]:.4f}"
    if runtime == "full":
        return text
    ratios = (f"{time / row[f'full_{kind}']:.2f}" for time, kind in zip(times, KINDS, strict=True))
    return f"{text} ({' / '.join(ratios)})"


def _times(rows: pd.DataFrame, runtimes: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(column, runtime, kind) of the times that were measured."""
    for runtime in runtimes:
        for kind in KINDS:
            if f"{runtime}_{kind}" in rows.columns:
                yield f"{runtime}_{kind}", runtime, kind


def _correlation(rows: pd.DataFrame, key: str) -> str:
    shown = rows[["flops", key]].dropna()
    if len(shown) < 3 or (shown.nunique() < 2).any():
        return "-"
    return f"{float(spearmanr(shown['flops'], shown[key]).statistic):.2f}"


def _head(title: str, rows: pd.DataFrame) -> Iterator[str]:
    yield f"# {title}\n"
    yield (f"`python -m perf.latency_table`: {len(rows)} runs, measured on {machines_of(rows)}.\n")


def _row(*cells: object) -> Iterator[str]:
    yield "| " + " | ".join(map(str, cells)) + " |"


def _rule(n_columns: int) -> str:
    return "|" + " --- |" * n_columns


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    sys.exit(main())
