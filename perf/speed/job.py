"""A whole job as every side gets it, and the answer that it leaves: one process each."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Job:
    """Train ``seeds`` networks of a problem, with validation after each epoch.

    Attributes:
        problem: the dataset's name.
        epochs: of each network.
        seeds: how many networks.
        workers: worker processes of our side, loader processes of the others.
    """

    problem: str
    epochs: int
    seeds: int
    workers: int = 0

    def command(self, module: str, answer: Path) -> list[str]:
        """The command line of a side's module, which writes ``answer``."""
        sizes = [f"--{name}={value}" for name, value in self.__dict__.items()]
        return [sys.executable, "-m", module, *sizes, f"--answer={answer}"]


# Of each seed: the validation metrics after the last epoch.
Answer = Sequence[Mapping[str, float | None]]


def answer_command_line(run: Callable[[Job], Answer], argv: Sequence[str] | None = None) -> int:
    """Run the job of the command line, and write its answer; its exit code."""
    parser = argparse.ArgumentParser(description="One side of the whole job; see whole_job.")
    parser.add_argument("--problem", required=True)
    parser.add_argument("--answer", type=Path, required=True)
    for name in ("epochs", "seeds", "workers"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = vars(parser.parse_args(argv))
    path = options.pop("answer")
    path.write_text(json.dumps(run(Job(**options))))
    return 0
