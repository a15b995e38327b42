"""The life of a command: its parser, its signals, one line for what went wrong, its exit code.

Imports the standard library alone: `-h` has to answer at once, and what runs at the very end has
to be registered before any library registers anything.
"""

import argparse
import atexit
import contextlib
import errno
import gc
import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bench.errors import UserError

OK, SOME_FAILED, BAD_INPUT = 0, 1, 2
_BY_SIGNAL = 128  # plus its number, as shells count

SCRIPT = "sae-bench"
"""The console script, which has every command as its first argument."""

EXTRAS = {
    "search": ("botorch", "gpytorch", "linear_operator", "optuna", "optuna_integration"),
    "deploy": ("onnx", "onnxruntime", "onnxscript"),
    "cluster": ("distributed", "dask"),
    "report": ("jinja2", "markupsafe"),
    "log": ("mlflow", "tensorboard", "alembic", "sqlalchemy"),
}
"""Extra of pyproject.toml -> import names of what it installs."""

RESUMES = "finished runs are kept; the same command goes on where this one stopped"
"""What an interrupted command that makes runs ends with."""


class Interrupted(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A command's parser.

    Args:
        name: of the command, e.g. "compare".
        description: what it does.
        examples: printed below the options as they are; ``python -m bench.`` begins a command.
    """
    return argparse.ArgumentParser(
        prog=_start(name),
        description=description,
        epilog=examples.replace("python -m bench.", _start("")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_results(to: argparse.ArgumentParser) -> None:
    """Add `--results`."""
    to.add_argument(
        "--results", type=Path, default=Path("results"), metavar="FOLDER",
        help="folder of records (default: results)",
    )  # fmt: skip


def line(name: str, *, results: Path | None = None) -> str:
    """Another command as it is to be typed after this one."""
    folder = "" if results in (None, Path("results")) else f" --results {shlex.quote(str(results))}"
    return f"{_start(name)}{folder}"


def _start(name: str) -> str:
    return f"{SCRIPT} {name}" if Path(sys.argv[0]).name == SCRIPT else f"python -m bench.{name}"


def collect_seldom() -> None:
    """Look for cycles of garbage a seventieth as often: it is a sixth of the time of a view.

    Not where networks are trained: a cycle may hold tensors.
    """
    gc.set_threshold(50_000, 20, 100)


def answer(
    work: Callable[[], int | None], *, when_interrupted: str = "no file is half-written"
) -> int:
    """Do the work of a command, and turn what goes wrong into one line and an exit code.

    Args:
        work: returns the exit code; None is 0.
        when_interrupted: what the user can count on then.

    Returns:
        The work's code; 2 where the user has to mend something; 128 and its number after a signal.
    """
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("bench").setLevel(logging.INFO)  # libraries: warnings only
    try:
        code = work() or OK
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`: who reads has enough
        return _BY_SIGNAL + signal.SIGPIPE
    except KeyboardInterrupt as stop:
        number = stop.signal if isinstance(stop, Interrupted) else signal.SIGINT
        word = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
        sys.stderr.write(f"{word}: {when_interrupted}\n")
        return _BY_SIGNAL + number
    except Exception as error:
        text = explained(error)
        if text is None:
            raise
        sys.stderr.write(f"error: {_one_line(text)}\n")
        return BAD_INPUT
    return code


def _one_line(text: str) -> str:
    """The text with control characters, which file names may have, as Python writes them."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text.strip())


def explained(error: Exception) -> str | None:
    """One line for what the user, and not this project's code, has to mend; None for the rest."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ImportError) and (extra := missing_extra(error)):
        return extra
    if _lacks_memory(error):
        return f"out of memory ({_first_line(error)}); use fewer --workers, or raise `ulimit -v`"
    if isinstance(error, OSError) and error.errno is not None:
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{os.strerror(error.errno)}{_REMEDIES.get(error.errno, '')}"
    return None


_REMEDIES = {
    errno.EMFILE: "; raise the limit with `ulimit -n 1024`, or use fewer --workers",
    errno.ENFILE: "; use fewer --workers",
    errno.ENOSPC: "; make room there, or choose another folder",
    errno.EDQUOT: "; make room there, or choose another folder",
    errno.EACCES: "; choose a folder that you may write to",
    errno.EEXIST: "; it is no folder: choose another",
    errno.ENOTDIR: "; a part of it is no folder: choose another",
    errno.EROFS: "; choose a folder that you may write to",
}


def missing_extra(error: ImportError) -> str | None:
    """The line that names the extra which a missing module belongs to; None if it is of none."""
    # pandas raises an ImportError of its own.
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    module = (cause.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return f'this needs {module}: pip install "sae-bench[{extra}]" (or [all])'
    return None


@contextlib.contextmanager
def leaving_out(what: str) -> Iterator[None]:
    """Go on without one of several things to make, and say so, where an extra is missing."""
    try:
        yield
    except ImportError as error:
        text = missing_extra(error)
        if text is None:
            raise
        logging.getLogger("bench").warning("%s is left out: %s", what, text)


def _lacks_memory(error: Exception) -> bool:
    # By PyTorch's allocator, the dynamic loader, and C++.
    phrases = ("allocate memory", "failed to map segment", "bad_alloc", "bad alloc")
    return isinstance(error, MemoryError) or (
        isinstance(error, (RuntimeError, ImportError, OSError))
        and any(phrase in str(error).lower() for phrase in phrases)
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def run(main: Callable[[], int]) -> NoReturn:
    """The whole process of a command: to be called first, before anything heavy is imported."""
    code = [1]  # of an exception that nobody catches
    atexit.register(_end, code)
    for name in ("stdout", "stderr"):
        _prepare_stream(name)
    # Figures are files here; a notebook's kernel hands down a backend that may not be installed.
    os.environ["MPLBACKEND"] = "agg"
    _answer_signals()
    try:
        code[0] = main()
    except SystemExit as end:  # argparse
        code[0] = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.exit(code[0])


def _end(code: Sequence[int]) -> None:
    """End the process, after what libraries do at exit and before anything else is printed.

    Without the interpreter's search for garbage in all of torch, which takes a while and lets
    libraries report what they have not freed.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader has gone
            stream.flush()
    os._exit(code[0])


def _prepare_stream(name: str) -> None:
    """Replace a stream that was closed (`>&-`); write what its encoding lacks as `?`."""
    if getattr(sys, name) is None:
        setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as it lives
    getattr(sys, name).reconfigure(errors="replace")


def _answer_signals() -> None:
    """Raise Interrupted at the first signal; at one that comes a second later, end at once.

    Some systems send one to the process and to its group at the same time. Workers end with this
    process, and the record store is whole at any moment.
    """
    first: list[float] = []

    def stop(number: int, _: FrameType | None) -> None:
        first.append(time.monotonic())
        if len(first) == 1:
            raise Interrupted(number)
        if first[-1] - first[0] > 1:
            os._exit(_BY_SIGNAL + number)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) != signal.SIG_IGN:  # `nohup`, a shell's background
            signal.signal(each, stop)
