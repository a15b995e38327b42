"""Measure the speed of the benchmark: one table, one figure and their record in docs/speed.

    SAE_BENCH_DATA=FOLDER python -m perf.speed [PART ...] [--quick] [--out docs/speed]

Leave the machine alone meanwhile (about 12 minutes for all parts). Ratios are taken within a part,
in turns. A part that is measured alone replaces its rows; the others stay as they were recorded.
Needs the optional dependencies of the group "perf".

``--other "LABEL=COMMAND"`` adds another framework to the whole job on pneumonia: the command trains
one network, and is run once per seed with {seed} and {epochs} filled in.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from perf.speed import binds, corruption, evaluation, growth, memory, start, step, whole_job
from perf.speed.drawing import draw
from perf.speed.part import Part, Records, read, record
from perf.speed.row import Row, table

_log = logging.getLogger("perf.speed")

PARTS: Mapping[str, Part] = {
    **{name: functools.partial(whole_job.measure, name) for name in whole_job.JOBS},
    "step": step.measure,
    "binds": binds.measure,
    "evaluation": evaluation.measure,
    "corruptions": corruption.measure,
    "start": start.measure,
    "growth": growth.measure,
    "memory": memory.measure,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts asked for, and write what is known of all."""
    parser = argparse.ArgumentParser(
        prog="python -m perf.speed", description="Speed of the benchmark."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="rough: to see that it runs")
    parser.add_argument("--other", metavar="LABEL=COMMAND", help="another framework's job per seed")
    parser.add_argument("--out", type=Path, default=Path("docs/speed"))
    options = parser.parse_args(arguments)
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"no part {name!r}; choices: {', '.join(PARTS)}")
    parts = dict(PARTS)
    if options.other:
        parts["pneumonia"] = functools.partial(
            whole_job.measure, "pneumonia", other=options.other.partition("=")[::2]
        )
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("perf.speed").setLevel(logging.INFO)
    records = read(options.out / "speed.json")
    for name in options.parts or parts:
        _log.info("== %s", name)
        begin = time.perf_counter()
        measured = parts[name](quick=options.quick)
        seconds = time.perf_counter() - begin
        records[name] = record(measured, quick=options.quick, seconds=seconds)
        write(records, options.out)
    print((options.out / "table.md").read_text())


def write(records: Records, out: Path) -> None:
    """Record, table and figure, from the record alone."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "speed.json").write_text(json.dumps(records, indent=1) + "\n")
    (out / "table.md").write_text(page(records))
    draw(records).savefig(out / "speed.png", dpi=200)


def page(records: Records) -> str:
    """One table of all parts, and where and when each was measured."""
    known = {name: records[name] for name in PARTS if name in records}
    rows = [Row.from_dict(values) for each in known.values() for values in each["rows"]]
    lines = ["# Speed: measured", "", "Written by `python -m perf.speed`.", "", table(rows)]
    for name, each in known.items():
        machine, packages = each["machine"], each["machine"]["packages"]
        rough = ", rough (`--quick`)" if each["quick"] else ""
        lines.append(
            f"- {name}: {machine['cpu']}, {machine['cores']} cores, torch {packages['torch']}, "
            f"code {str(each['commit'])[:12]}, {each['when'][:16]}, load {machine['load']}{rough}"
        )
    lines += [f"- {name}: not measured" for name in PARTS if name not in records]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
