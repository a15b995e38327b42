"""All commands under one name: `sae-bench compare ...`, `python -m bench compare ...`."""

import importlib
import sys
from collections.abc import Sequence

from bench import __version__
from bench.console import command
from bench.errors import unknown

COMMANDS = {
    "compare": ("bench.compare", "train, evaluate and cost methods, and print a table of them"),
    "search": ("bench.search.__main__", "search settings on validation, test what was found"),
    "study": ("bench.study", "run a study that is defined in a file"),
    "figures": ("bench.figures.__main__", "draw the figures"),
    "report": ("bench.report.__main__", "write one HTML file of everything"),
    "tables": ("bench.tables.__main__", "write tables as CSV, Markdown and LaTeX"),
    "statistics": ("bench.statistics.__main__", "write intervals, differences and ranks as CSV"),
    "claims": ("bench.claims.__main__", "test the paper's claims"),
    "records": ("bench.records.__main__", "look at records, check, compare and merge them"),
    "export": ("bench.export", "export a network as ONNX and torch.export files"),
    "latency": ("bench.latency", "measure how fast networks are"),
}

USAGE = (
    "usage: sae-bench COMMAND [options]; each has -h; --version\n\n"
    + "".join(f"  {name:11} {purpose}\n" for name, (_, purpose) in COMMANDS.items())
    + "\nto begin with: sae-bench compare --preset smoke; then figures, report\n"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that is named first.

    Returns:
        Its exit code; 2 if there is none of that name.
    """
    name, *arguments = (sys.argv[1:] if argv is None else list(argv)) or ["-h"]
    if name in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return command.OK
    if name == "--version":
        sys.stdout.write(f"sae-bench {__version__}\n")
        return command.OK
    if name not in COMMANDS:
        sys.stderr.write(f"error: {unknown('command', name, COMMANDS)}\n")
        return command.BAD_INPUT
    code: int = importlib.import_module(COMMANDS[name][0]).main(arguments)
    return code


def script() -> None:
    """The console script."""
    command.run(main)


if __name__ == "__main__":
    script()
