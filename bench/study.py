"""Run a committed study: a list of searches and comparisons. `python -m bench.study NAME`.

A definition (`bench/studies/*.toml`, or a file of one's own) names parts; a part is one or several
commands of `bench.search` or `bench.compare`, which `--plan` prints. Everything that is there
already is skipped, so the same command goes on where it stopped. A search is a command for each
method: its finals are tested before the next method is searched.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.cli.run_options import registered
from bench.compare import main as compare
from bench.console import command
from bench.errors import UserError, unknown
from bench.records.store import Reader, search_folder, write_file
from bench.search.__main__ import main as search
from methods import METHODS

STUDIES = Path(__file__).with_name("studies")
RECORDED = "study.json"

_EXAMPLES = """examples:
  python -m bench.study paper_two_cores --plan             the commands, and about how long
  python -m bench.study paper_two_cores --only pneumonia   the parts of that name
  python -m bench.study paper_cpu --scale 0.1 --results results/small
  python -m bench.study my_study.toml --workers 2
"""


class StudyPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of a study.

    Attributes:
        name: "<problem>.<what>"; what the table ``common.<problem>`` sets, the part need not.
        methods: names, or files of one's own, which are registered.
        each: "compare" only: one command for each of these further ``--set`` (one factor changed).
        trials: of every method; "search" only.
        core_seconds_of: the part whose core-seconds of trials are the budget of each method here.
        enumerate: "search" only: the preset's grid is tried, and no point is proposed.
        folder: below the results folder, for records that no table should mix.
        trial_seconds, run_seconds: measured core-seconds of a trial and of a final run with its
            tests, the mean over methods, for ``--plan``.
    """

    name: str
    run: Literal["search", "compare"]
    datasets: list[str]
    methods: list[str]
    seeds: list[int]
    preset: str = "paper"
    set: tuple[str, ...] = ()
    each: tuple[str, ...] = ("",)
    epochs: int = 20
    trials: int = 0
    core_seconds_of: str = ""
    enumerate: bool = False
    finalists: int = 24
    folder: str = ""
    trial_seconds: float = 0.0
    run_seconds: float = 0.0

    def scaled(self, factor: float) -> StudyPart:
        """The same part with so many times the trials and epochs, rounded up."""
        return msgspec.structs.replace(
            self, trials=math.ceil(self.trials * factor), epochs=math.ceil(self.epochs * factor)
        )


def read_study(name: str) -> tuple[str, list[StudyPart]]:
    """A definition's description and parts.

    Raises:
        UserError: there is none, or it breaks the schema of `StudyPart`.
    """
    path = Path(name) if name.endswith(".toml") else STUDIES / f"{name}.toml"
    if not path.is_file():
        raise unknown("study", name, [each.stem for each in sorted(STUDIES.glob("*.toml"))])
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        common = values.get("common", {})
        parts = []
        for part in values.get("part", []):
            mine = common.get(part.get("name", "").partition(".")[0], {}) | part
            made = msgspec.convert(mine, StudyPart)
            methods = [registered(METHODS, each) for each in made.methods]
            parts.append(msgspec.structs.replace(made, methods=methods))
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: {error}") from None
    names = [part.name for part in parts]
    if not names or len(set(names)) < len(names):
        raise UserError(f"{path}: must have parts, each with a name of its own; it has {names}")
    for part in parts:
        if part.core_seconds_of and part.core_seconds_of not in names:
            raise unknown("part", part.core_seconds_of, names)
    return str(values.get("description", "")), parts


def arguments(part: StudyPart, results: Path, core_seconds: float | None) -> Iterator[list[str]]:
    """The command lines of a part, each the name of a command and its arguments."""
    if part.run == "compare":
        for factor in part.each:
            extra = ["--set", factor] if factor else []
            yield [*_shared(part, ",".join(part.methods), results), *extra]
        return
    budget = ["--budget", "paper"] if part.enumerate else ["--trials", str(part.trials)]
    if core_seconds is not None:
        budget += ["--budget-core-seconds", f"{core_seconds:.6g}"]
    for method in part.methods:
        yield [*_shared(part, method, results), "--finalists", str(part.finalists), *budget]


def _shared(part: StudyPart, methods: str, results: Path) -> list[str]:
    """The arguments that searches and comparisons share."""
    words = [
        part.run, "--datasets", ",".join(part.datasets), "--methods", methods,
        "--preset", part.preset, "--seeds", ",".join(map(str, part.seeds)),
        "--results", str(results / part.folder),
    ]  # fmt: skip
    for text in (f"epochs={part.epochs}", *part.set):
        words += ["--set", text]
    return words


def trial_core_seconds(part: StudyPart, results: Path) -> float:
    """CPU seconds of the trials of a searched part, by their records; contenders apart."""
    records = Reader(search_folder(results / part.folder)).finished()
    return sum(
        record.timings.cpu_s
        for record in records
        if record.config.dataset in part.datasets
        and record.config.method.name in part.methods
        and record.config.seed == 0
    )


def estimate(part: StudyPart, parts: Sequence[StudyPart]) -> tuple[float, str]:
    """Core-minutes of a part with nothing run yet, and what they are of."""
    n_methods = len(part.methods) * len(part.datasets)
    if part.run == "compare":
        from bench.runs.plan import Request, plan

        ids = {
            config.run_id
            for factor in part.each
            for config in plan(
                Request(
                    datasets=part.datasets,
                    methods=part.methods,
                    seeds=part.seeds,
                    preset=part.preset,
                    assignments=[
                        f"epochs={part.epochs}", *part.set, *([factor] if factor else []),
                    ],
                )
            )
        }  # fmt: skip
        return len(ids) * part.run_seconds / 60, f"{len(ids)} runs"
    runs = part.finalists * len(part.seeds)
    # As many contenders as twice the finalists are trained on the second search seed.
    again = 2 * part.finalists * part.trial_seconds
    source = _named(parts, part.core_seconds_of) if part.core_seconds_of else part
    trials = source.trials * source.trial_seconds
    minutes = n_methods * (trials + again + runs * part.run_seconds) / 60
    tried = "a grid of about" if part.enumerate else "at most"
    return minutes, f"{tried} {part.trials} trials, at most {runs} final runs a method"


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(path.stem for path in sorted(STUDIES.glob("*.toml")))
    parser = command.parser("study", "Run a study that is defined in a file.", _EXAMPLES)
    add = parser.add_argument
    add("study", metavar="NAME", help=f"{names}, or a file that ends in .toml")
    add("--plan", action="store_true", help="print the commands and an estimate; no run")
    add("--only", metavar="A,B", help="parts whose names are these or begin with them")
    add(
        "--scale", type=float, default=1.0, metavar="F",
        help="so many times the trials and the epochs; recorded, one for a folder (default: 1)",
    )  # fmt: skip
    add("--data", metavar="FOLDER", help="as for bench.compare")
    add("--results", type=Path, metavar="FOLDER", help="(default: results/NAME)")
    add("--workers", metavar="N", help="as for bench.compare")
    add("--device", default="auto", help="as for bench.compare")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0: all is done; 1: some runs failed; 2: bad input; 128 and more: interrupted.
    """
    options = _parser().parse_args(argv)
    return command.answer(lambda: _study(options), when_interrupted=command.RESUMES)


def _study(options: argparse.Namespace) -> int:
    if not options.scale > 0:
        raise UserError(f"--scale {options.scale:g}: must be above 0")
    description, parts = read_study(options.study)
    parts = [part.scaled(options.scale) for part in parts]
    chosen = _chosen(parts, options.only)
    results = options.results or Path("results") / Path(options.study).stem
    if options.plan:
        _print_plan(chosen, parts, results, description)
        return command.OK
    _record(results, options.scale, parts, description)
    code = command.OK
    for part in chosen:
        sys.stderr.write(f"part {part.name}\n")
        for words in arguments(part, results, _core_seconds(part, parts, results)):
            code = max(code, _run(words, options))
            if code > command.SOME_FAILED:
                return code
    return code


def _chosen(parts: Sequence[StudyPart], only: str | None) -> list[StudyPart]:
    if only is None:
        return list(parts)
    for word in only.split(","):
        if not any(_is_named(part, word) for part in parts):
            raise unknown("part", word, [part.name for part in parts])
    return [part for part in parts if any(_is_named(part, word) for word in only.split(","))]


def _named(parts: Sequence[StudyPart], name: str) -> StudyPart:
    return next(part for part in parts if part.name == name)


def _is_named(part: StudyPart, word: str) -> bool:
    return part.name == word or part.name.startswith(f"{word}.")


def _core_seconds(part: StudyPart, parts: Sequence[StudyPart], results: Path) -> float | None:
    """The budget of each method of a part; None: trials alone."""
    if not part.core_seconds_of:
        return None
    other = _named(parts, part.core_seconds_of)
    seconds = trial_core_seconds(other, results)
    if not seconds:
        raise UserError(f"part {part.name}: its budget is that of {other.name}; run that one first")
    return seconds


def _print_plan(
    chosen: Sequence[StudyPart], parts: Sequence[StudyPart], results: Path, description: str
) -> None:
    lines, total = [description.strip()], 0.0
    for part in chosen:
        minutes, what = estimate(part, parts)
        total += minutes
        lines.append(
            f"\n{part.name}: {what}, about {minutes:.0f} core-minutes (so far {total:.0f})"
        )
        lines += [
            f"  python -m bench.{shlex.join(words)}" for words in arguments(part, results, None)
        ]
        if part.core_seconds_of:
            other = _named(parts, part.core_seconds_of)
            spent = trial_core_seconds(other, results)
            known = f"{spent:.0f}" if spent else f"what {other.name} will take"
            lines.append(f"    with --budget-core-seconds {known}")
    lines.append(
        f"\nabout {total / 60:.1f} core-hours in all, at most; what is there already is skipped"
    )
    sys.stdout.write("\n".join(lines) + "\n")


def _record(results: Path, scale: float, parts: Sequence[StudyPart], description: str) -> None:
    """Write what is run beside the records, and what was before; a folder has one scale."""
    path = results / RECORDED
    recorded = {part.name: msgspec.to_builtins(part) for part in parts}
    if path.is_file():
        before: dict[str, Any] = json.loads(path.read_bytes())
        if before["scale"] != scale:
            raise UserError(
                f"--scale {scale:g}: {results} has a study of scale {before['scale']:g}; pass "
                "that, or another --results FOLDER"
            )
        recorded = {part["name"]: part for part in before["parts"]} | recorded
    results.mkdir(parents=True, exist_ok=True)
    found = {"description": description, "scale": scale, "parts": list(recorded.values())}
    write_file(path, (json.dumps(found, indent=1) + "\n").encode())


def _run(words: Sequence[str], options: argparse.Namespace) -> int:
    passed = ["--device", options.device]
    for name in ("data", "workers"):
        value = getattr(options, name)
        passed += [f"--{name}", value] if value is not None else []
    commands = {"compare": compare, "search": search}
    return commands[words[0]]([*words[1:], *passed])


if __name__ == "__main__":
    command.run(main)
