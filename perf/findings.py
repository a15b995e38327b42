r"""What the docs show of the reference study, made from its committed records alone.

    python -m perf.findings            # figures, tables, claims and the report, then the blocks
    python -m perf.findings --blocks   # the blocks of README and docs alone: seconds

A block lies between ``<!-- NAME ARGUMENT -->`` and ``<!-- end -->``; NAME is a function of
`BLOCKS`, ARGUMENT a data set. A test compares all of them with the records.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from bench.claims import __main__ as claims_command
from bench.claims.claim import judge_all
from bench.claims.evidence import ENSEMBLE, SAE_CATEGORIES, Evidence
from bench.claims.paper import CLAIMS
from bench.claims.report import measured
from bench.figures import __main__ as figures_command
from bench.formatting import cells
from bench.formatting.rendering import grid
from bench.formatting.table import Table
from bench.metrics.table import label_of
from bench.records.frames import Frames, load_frames
from bench.records.schema import FinishedRun
from bench.records.store import Reader
from bench.report import __main__ as report_command
from bench.statistics import __main__ as statistics_command
from bench.statistics.budget import chosen_within, with_costs
from bench.statistics.differences import differences
from bench.statistics.measured import Measurements, difference
from bench.statistics.reference import reference
from bench.tables import __main__ as tables_command
from bench.tables import budget, selection
from bench.tables.answers import answers

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results" / "reference"
PLOTS = ROOT / "plots" / "reference"
PAGES = (ROOT / "README.md", ROOT / "docs" / "findings.md")

# Results folders below the reference: no table mixes them.
MAIN, GRID, BEFORE, ABLATIONS, RIVALS = "", "grid", "grid_before", "ablations", "rivals"
FACTORS = (
    "kl_scale", "draw", "depth_weights", "draw_sum", "temperature_end", "batch_repetition",
    "depth_learning_rate", "negligible_exits",
)  # fmt: skip
# By task, what the docs show of a table that has more.
_SHOWN = {"classification": ("nll", "ece", "accuracy"), "regression": ("nll", "mse")}
# Searched values of schedules and rates make labels of 200 letters; the records have them.
_SEARCHED = re.compile(
    r" (?:alpha_\w+|temperature_\w+|repetition_\w+|depth_learning_rate|learning_rate|patch)"
    r"=[\d.e-]*\d"
)
_BLOCK = re.compile(r"<!-- (?!end)(\S+)(?: (\S+))? -->\n.*?<!-- end -->", re.DOTALL)


@cache
def frames_of(folder: str = MAIN) -> Frames:
    """The committed records of a folder, without single corruptions: no block shows one."""
    frames = load_frames(REFERENCE / folder)
    return replace(frames, runs=frames.runs[frames.runs["split"] != "corruption"])


def filled(text: str) -> str:
    """The page with every block made anew."""

    def block(found: re.Match[str]) -> str:
        name, argument = found[1], found[2]
        made = BLOCKS[name](argument) if argument else BLOCKS[name]()
        content = _tight(_SEARCHED.sub("", made))
        return f"{found[0].splitlines()[0]}\n\n{content.strip()}\n\n<!-- end -->"

    return _BLOCK.sub(block, text)


def answer(dataset: str) -> str:
    """The sentences that stand above the table of `bench.compare`."""
    return "\n".join(f"- {sentence}" for sentence in answers(_only(frames_of(), dataset))[dataset])


def _tight(tables: str) -> str:
    """Markdown tables without the spaces that align their columns."""
    lines = [re.sub(r"-{4,}", "---", line) if set(line) <= set("|:-") else line
             for line in tables.splitlines()]  # fmt: skip
    return "\n".join(re.sub(r" {2,}", " ", line) for line in lines)


def short_answer() -> str:
    """SAE against a standard NN and an ensemble within the same FLOPs, a data set a row."""
    frames = frames_of()
    measure = Measurements(frames)
    lines = []
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        base, table = reference(runs, ["flops"]), with_costs(runs, ["nll"])
        task = str(runs["task"].iloc[0])
        if base is None:
            continue
        ours = table[table["category"].isin(SAE_CATEGORIES)]
        for rival, limit in (("Standard NN", base.costs["flops"]), (ENSEMBLE, math.inf)):
            theirs = _best(table[table["category"] == rival], task, limit)
            sae = theirs and _best(ours, task, max(theirs["flops_high"], base.costs["flops"]))
            if sae and theirs:
                lines.append(
                    {"Data set": str(dataset)} | _against(measure, str(dataset), sae, theirs)
                )
    return grid(pd.DataFrame(lines))


def _best(table: pd.DataFrame, task: str, limit: float) -> dict[str, Any] | None:
    """The configuration of the best validation NLL within so many FLOPs."""
    within = table[table["flops_high"] <= limit * (1 + 1e-9)].assign(category_was=table["category"])
    rows = chosen_within(within.assign(category="any"), task, "nll", "flops").to_dict("records")
    return {str(key): value for key, value in rows[0].items()} if rows else None


def _against(
    measure: Measurements, dataset: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> dict[str, str]:
    """Both test NLLs with their FLOPs, and the difference."""
    values = [measure(dataset, str(one["config_id"]), "test", "nll") for one in (ours, theirs)]
    found = difference(*values).estimate
    sae, rival = (
        f"{one['category_was']} {one['label']}: {cells.number(value.estimate.value)} at "
        f"{cells.cost(one['flops_high'])}"
        for one, value in zip((ours, theirs), values, strict=True)
    )
    difference_text = cells.interval(found.value, *found.interval())
    return {"Rival": rival, "SAE within its FLOPs": sae, "Difference in NLL": difference_text}


def equal_cost(dataset: str) -> str:
    """What each method reaches within a budget of FLOPs, on test."""
    return _budget(dataset)


def rivals(dataset: str) -> str:
    """NLL and accuracy of all methods of one state of the code within a budget of FLOPs."""
    return _budget(dataset, RIVALS, left_out=("4x", "8x"))


@cache
def _budgets(folder: str = MAIN) -> Mapping[str, Table]:
    """The tables of `bench.tables.budget` by their stems."""
    return {table.stem: table for table in budget.tables(frames_of(folder))}


def _budget(dataset: str, folder: str = MAIN, left_out: Sequence[str] = ("8x",)) -> str:
    table, task = _budgets(folder)[f"budget_{dataset}"], _task(frames_of(folder), dataset)
    shown = [label_of(task, key) for key in _SHOWN[task]]
    rows = table.cells[(table.cells["Split"] == "ID") & table.cells["Metric"].isin(shown)]
    return f"{grid(rows.drop(columns=['Split', *left_out]))}\n\n{table.notes[0]}"


def match() -> str:
    """The least cost at which a method is not worse than the ensemble of four."""
    found = _budgets()["match"].cells
    shown = found["Metric"].str.startswith(("NLL", "Accuracy"))
    return grid(found[(found["Cost"] == "FLOPs") & shown].drop(columns="Cost"))


def equivalents() -> str:
    """Sizes of naive ensembles with the same calibrated NLL."""
    return grid(_budgets()["equivalents"].cells)


def selects() -> str:
    """How well validation selects."""
    rows = next(selection.tables(frames_of())).cells
    wanted = rows["Metric"].isin([label_of("classification", key) for key in ("nll", "accuracy")])
    return grid(rows[wanted | rows["Metric"].isin([label_of("regression", "mse")])])


def searched() -> str:
    """What the search of each method took."""
    found = frames_of().budgets
    return grid(
        pd.DataFrame(
            {
                "Data set": found["dataset"],
                "Method": found["method"],
                "Networks trained": found["trained"].astype(str),
                "Core-seconds": [f"{value:,.0f}" for value in found["core_seconds"]],
            }
        )
    )


def claims() -> str:
    """The paper's statements with their verdicts."""
    rows = [
        {
            "Claim": one.claim.name,
            "Verdict": one.finding.verdict,
            "Decided by": "; ".join(
                f"{part.what}: {measured(part)}, asked {part.rule}"
                for part in one.finding.parts
                if part.verdict == one.finding.verdict
            )
            or one.finding.remark,
        }
        for one in judge_all(CLAIMS, Evidence(frames_of()))
    ]
    return grid(pd.DataFrame(rows))


def ablations(dataset: str) -> str:
    """One setting changed at a time: differences to the defaults, paired over seeds and images."""
    frames = _only(frames_of(ABLATIONS), dataset)
    configs = frames.runs.groupby("config_id")[list(FACTORS)].first()
    usual = configs.mode().iloc[0]
    changed = {
        str(config): ", ".join(f"{name}={_plain(row[name])}" for name in FACTORS
                               if row[name] != usual[name])
        for config, row in configs.iterrows()
    }  # fmt: skip
    (base,) = [config for config, text in changed.items() if not text]
    compared = differences(frames, list(changed), base, splits=("val", "test"))
    found = {
        (row["config_id"], row["split"], row["metric"]): row for row in compared.to_dict("records")
    }
    task = _task(frames, dataset)
    columns = [("val", "nll"), *(("test", key) for key in _SHOWN[task][:2])]
    lines = []
    for config, text in sorted(changed.items(), key=lambda pair: _place(pair[1])):
        if config == base:
            continue
        line = {"Setting": f"`{text}`"}
        for split, key in columns:
            one = found[(config, split, key)]
            star = " *" if one["p_holm"] < 0.05 else ""
            head = f"{split} {label_of(task, key).replace(' (nats)', '')}"
            line[head] = cells.interval(one["estimate"], one["low"], one["high"]) + star
        lines.append(line)
    n_seeds = frames.runs["seed"].nunique()
    return f"{grid(pd.DataFrame(lines))}\n\n{n_seeds} seeds."


def _place(setting: str) -> tuple[int, str]:
    names = [name for name in FACTORS if setting.startswith(f"{name}=")]
    return (FACTORS.index(names[0]), setting) if names else (-1, setting)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def theta() -> str:
    """SAE's depth distribution over the training, mean over inputs, configurations and seeds."""
    depth = frames_of().depth
    depth = depth[(depth["depth"] == depth["depth"].max())]
    lines = []
    for (dataset, category), rows in depth.groupby(["dataset", "category"], sort=True):
        epochs = sorted(rows["epoch"].unique())
        first, last = rows[rows["epoch"] == epochs[0]], rows[rows["epoch"] == epochs[-1]]
        middle = rows[rows["epoch"] == epochs[len(epochs) // 2]]
        lines.append(
            {
                "Data set": str(dataset),
                "Category": str(category),
                "Runs": str(rows["run_id"].nunique()),
                **{
                    f"epoch {name}": f"{int(some['epoch'].iloc[0]) + 1}: {_by_exit(some)}"
                    for name, some in (("first", first), ("middle", middle), ("last", last))
                },
            }
        )
    return grid(pd.DataFrame(lines))


def _by_exit(depth: pd.DataFrame) -> str:
    return " ".join(f"{value:.2f}" for value in depth.groupby("exit")["theta"].mean())


def heatmap(of: str) -> str:
    """A metric of an N x K grid, where it was run before and after theta could be learned.

    Args:
        of: DATASET-SPLIT-METRIC.
    """
    dataset, split, key = of.split("-")
    named = {name: frames_of(folder) for name, folder in (("before", BEFORE), ("after", GRID))}
    grids = {name: _only(frames, dataset) for name, frames in named.items()
             if dataset in set(frames.runs["dataset"])}  # fmt: skip
    seeds = set.intersection(*(set(frames.runs["seed"]) for frames in grids.values()))
    lines: dict[int, dict[str, str]] = {}
    for name, frames in grids.items():
        rows = frames.runs[(frames.runs["split"] == split) & frames.runs["seed"].isin(seeds)]
        means = rows.groupby(["n_inputs", "n_exits"], as_index=False)[key].mean()
        suffix = f", {name}" if len(grids) > 1 else ""
        for n, k, value in zip(means["n_inputs"], means["n_exits"], means[key], strict=True):
            line = lines.setdefault(int(n), {"N": str(int(n))})
            line[f"K={int(k)}{suffix}"] = cells.number(value)
    moved = [
        f"{f'{name} ' if len(grids) > 1 else ''}{_distance(frames.depth):.3f}"
        for name, frames in grids.items()
    ]
    return (
        f"{grid(pd.DataFrame(list(lines.values())))}\n\n{len(seeds)} seeds. Largest distance of an "
        f"exit's theta from 1/D after the last epoch, mean over runs: {', '.join(moved)}."
    )


def _distance(depth: pd.DataFrame) -> float:
    last = depth[depth["epoch"] == depth["epoch"].max()]
    away = (last["theta"] - 1 / last["depth"]).abs()
    return float(away.groupby(last["run_id"]).max().mean())


def spent() -> str:
    """Core-hours of each folder, the machine, the versions and the code."""
    stages = [("comparison and finals", MAIN), ("search", "search"), ("N x K grid", GRID),
              ("grid before", BEFORE), ("ablations", ABLATIONS), ("rivals", RIVALS)]  # fmt: skip
    lines, records = [], []
    for name, folder in stages:
        if not (REFERENCE / folder / "runs").is_dir():
            continue
        found = list(Reader(REFERENCE / folder).finished())
        records += found
        hours = sum(one.timings.cpu_s for one in found) / 3600
        lines.append({"Part": name, "Runs": str(len(found)), "Core-hours": f"{hours:.2f}"})
    total = sum(one.timings.cpu_s for one in records) / 3600
    lines.append({"Part": "all", "Runs": str(len(records)), "Core-hours": f"{total:.2f}"})
    return f"{grid(pd.DataFrame(lines))}\n\n{_circumstances(records)}"


def _circumstances(records: Iterable[FinishedRun]) -> str:
    facts: dict[str, set[str]] = {}
    for one in records:
        where = one.environment
        cpu = f"{where.cpu.model} ({where.cpu.capability})" if where.cpu else "not recorded"
        packages = ", ".join(f"{name} {version}" for name, version in where.packages.items())
        for name, value in (
            ("Processor", cpu),
            ("Device, threads a run", f"{where.device}, {where.threads}"),
            ("Versions", f"Python {where.python}, {packages}"),
            ("Commit", where.git_commit or "outside git"),
            ("Code", f"{one.config.method.name} {(one.code or 'none')[:12]}"),
        ):
            facts.setdefault(name, set()).add(value)
    return "\n".join(f"- {name}: {'; '.join(sorted(values))}." for name, values in facts.items())


def _only(frames: Frames, dataset: str) -> Frames:
    return budget.frames_of(frames, dataset)


def _task(frames: Frames, dataset: str) -> str:
    runs = frames.runs
    return str(runs.loc[runs["dataset"] == dataset, "task"].iloc[0])


BLOCKS: Mapping[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        short_answer, answer, equal_cost, rivals, match, equivalents, selects, searched, claims,
        ablations, theta, heatmap, spent,
    )
}  # fmt: skip


def _views() -> int:
    """Tables, statistics, claims, report and figures of the committed records."""
    results = ["--results", str(REFERENCE)]
    status = 0
    for view in (tables_command, statistics_command, claims_command, report_command):
        status = max(status, view.main(results))
    drawn = {MAIN: [], GRID: ["heatmap"]}
    for folder, names in drawn.items():
        if not (REFERENCE / folder / "runs").is_dir():
            continue
        with tempfile.TemporaryDirectory() as plots:
            where = ["--results", str(REFERENCE / folder), "--plots", plots]
            status = max(status, figures_command.main([*names, *where]))
            for path in sorted(Path(plots).glob("*.png")):
                prefix = f"{folder}_" if folder else ""
                shutil.copyfile(path, PLOTS / f"{prefix}{path.name}")
    return status


def main() -> int:
    """Run the command line; 0, or what the first failing view returned."""
    parser = argparse.ArgumentParser(prog="python -m perf.findings", description=__doc__)
    parser.add_argument("--blocks", action="store_true", help="no figures, tables and report")
    options = parser.parse_args()
    status = 0 if options.blocks else _views()
    for page in PAGES:
        if page.is_file():
            page.write_text(filled(page.read_text()))
    return status


if __name__ == "__main__":
    sys.exit(main())
