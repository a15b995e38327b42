"""Measure the speed of the benchmark: table, figure and record in docs/speed.

    SAE_BENCH_DATA=FOLDER python -m perf.speed [PART ...] [--quick] [--out docs/speed]

Leave the machine alone meanwhile (about 15 minutes for all parts). Ratios are taken within a part,
in turns. A part that is measured alone replaces its rows; the others stay as they were recorded.
Needs the optional dependencies of the group "perf".
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from perf.speed import (
    choices,
    corruption,
    evaluation,
    growth,
    memory,
    neighbour,
    start,
    step,
    whole_job,
)
from perf.speed.drawing import draw
from perf.speed.part import Part, Records, read, record
from perf.speed.row import Row, table

_log = logging.getLogger("perf.speed")

PARTS: dict[str, Part] = {
    "pneumonia": whole_job.of_pneumonia,
    "blood": whole_job.of_blood,
    "retina": whole_job.of_retina,
    "neighbour": neighbour.measure,
    "step": step.measure,
    "choices": choices.measure,
    "evaluation": evaluation.measure,
    "corruptions": corruption.measure,
    "start": start.measure,
    "growth": growth.measure,
    "memory": memory.measure,
}
TITLES = {
    "pneumonia": "Whole job on pneumonia (FC)",
    "blood": "Whole job on blood (VGG), shortened",
    "retina": "Whole job on retina (ViT), shortened",
    "neighbour": "Beside a busy process",
    "step": "A training step, and the machine's limits",
    "choices": "What pays in a step, and what does not",
    "evaluation": "Evaluation under all corruptions",
    "corruptions": "Making the corrupted images",
    "start": "Start-up",
    "growth": "How cost grows",
    "memory": "Memory",
}

_INTRODUCTION = """# Speed: measured

Written by `python -m perf.speed`. Times of different parts do not compare: the cores are
shared with whatever else the machine's host does (the peak of the matrix product, taken again and
again, shows by how much). Ratios are taken within a part, in turns.

![Whole jobs, parts of a step, growth](speed.png)
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts asked for, and write what is known of all."""
    parser = argparse.ArgumentParser(
        prog="python -m perf.speed", description="Speed of the benchmark."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="rough: to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("docs/speed"))
    options = parser.parse_args(arguments)
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"no part {name!r}; choices: {', '.join(PARTS)}")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("perf.speed").setLevel(logging.INFO)
    records = read(options.out / "speed.json")
    for name in options.parts or PARTS:
        _log.info("== %s", name)
        begin = time.perf_counter()
        measured = PARTS[name](quick=options.quick)
        seconds = time.perf_counter() - begin
        records[name] = record(measured, quick=options.quick, seconds=seconds)
        write(records, options.out)
    print((options.out / "speed.md").read_text())


def write(records: Records, out: Path) -> None:
    """Record, table and figure, from the record alone."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "speed.json").write_text(json.dumps(records, indent=1) + "\n")
    (out / "speed.md").write_text(page(records))
    draw(records).savefig(out / "speed.png", dpi=200)


def page(records: Records) -> str:
    """All tables, each with where and when it was measured."""
    sections = [_INTRODUCTION]
    for name in (name for name in PARTS if name in records):
        each = records[name]
        machine = each["machine"]
        where = f"{machine['cpu']}, {machine['cores']} cores; torch {machine['packages']['torch']}"
        rough = "**Rough: measured with --quick.** " if each["quick"] else ""
        rows = [Row.from_dict(values) for values in each["rows"]]
        sections.append(
            f"## {TITLES[name]}\n\n{rough}{where}; {each['when']}, code {each['commit']}, load "
            f"{machine['load']} at the end.\n\n{table(rows)}"
        )
    missing = [name for name in PARTS if name not in records]
    if missing:
        sections.append(f"Not measured: {', '.join(missing)}.\n")
    return "\n".join(sections)


if __name__ == "__main__":
    main()
