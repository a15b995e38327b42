"""Where the numbers come from: code, packages, machines, data, training, time, search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from bench.records.flags import flag_notes
from bench.records.schema import DatasetFacts
from bench.records.search_budget import budget_lines
from bench.report.rounding import duration
from bench.report.study import Study


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A name and its values; where runs differ, each value has its number of runs."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Facts under a heading."""

    heading: str
    facts: tuple[Fact, ...]


def provenance(study: Study) -> list[Group]:
    """The facts of all finished runs, then those of each dataset."""
    environments = [record.environment for record in study.finished()]
    packages = sorted({name for one in environments for name in one.packages})
    machine = Group(
        heading="Code and machine",
        facts=(
            *(Fact(name="versions of the code", values=(note,)) for note in study.frames.notes),
            _fact("commit", (one.git_commit or "outside git" for one in environments)),
            _fact("Python", (one.python for one in environments)),
            *(
                _fact(name, (one.packages.get(name, "absent") for one in environments))
                for name in packages
            ),
            _fact("device", (f"{one.device}, {one.machine}" for one in environments)),
            _fact("threads a run", (one.threads for one in environments)),
        ),
    )
    return [machine, *(_of_dataset(study, dataset) for dataset in study.datasets)]


def _of_dataset(study: Study, dataset: str) -> Group:
    done = study.finished(dataset)
    data = [record.dataset for record in done]
    training = [record.config.training for record in done]
    timings = study.frames.timings
    spent = timings[timings["dataset"] == dataset]
    facts = [
        _fact("fingerprint of the data", (one.fingerprint for one in data)),
        *(_fact("duplicates and flags", (line,)) for line in flag_notes(done)),
        *_classes(data),
        _fact("corruptions made by", (_corruptions(one) for one in data)),
        *(
            _fact(name.replace("_", " "), (one[name] for one in training))
            for name in dict.fromkeys(name for one in training for name in one)
        ),
        _total("wall time of all runs", spent[["train_s", "evaluate_s"]]),
        _total("CPU time of all runs", spent[["train_cpu_s", "evaluate_cpu_s"]]),
    ]
    if dataset in (lines := budget_lines(study.frames.budgets)):
        facts.append(Fact(name="search", values=(lines[dataset],)))
    return Group(heading=f"Data and training: {dataset}", facts=tuple(facts))


def _classes(data: Iterable[DatasetFacts]) -> list[Fact]:
    named = {", ".join(f"{k} = {n}" for k, n in enumerate(one.class_names or ())) for one in data}
    return [Fact(name="classes", values=(one,)) for one in sorted(named) if one]


def _total(name: str, seconds: pd.DataFrame) -> Fact:
    return Fact(name=name, values=(duration(float(seconds.to_numpy().sum())),))


def _corruptions(data: DatasetFacts) -> str:
    code, *libraries = data.corruptions or ["none"]
    return ", ".join([*libraries, f"code {code[:12]}"])


def _fact(name: str, values: Iterable[object]) -> Fact:
    counts = Counter(map(str, values))
    if len(counts) == 1:
        return Fact(name=name, values=tuple(counts))
    return Fact(name=name, values=tuple(f"{value} ({n} runs)" for value, n in counts.most_common()))
