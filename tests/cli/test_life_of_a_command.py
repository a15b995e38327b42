"""Exit codes, signals, streams, and the one line for what went wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from runs.own_files import classes_npz

import bench
from bench.__main__ import COMMANDS, main
from bench.console import command
from bench.errors import UserError

ROOT = Path(__file__).parents[2]
PATIENCE_S = 180.0


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"capture_output": True, "text": True, "cwd": ROOT, "timeout": PATIENCE_S, **options}
    return subprocess.run([sys.executable, *arguments], check=False, **options)


def script(body: str) -> str:
    """A command whose work is ``body``."""
    indented = "".join(f"        {line}\n" for line in body.splitlines())
    return (
        "import sys\n"
        "from bench.console import command\n"
        "def main():\n"
        "    def work():\n"
        f"{indented}"
        "    return command.answer(work, when_interrupted='all is kept')\n"
        "command.run(main)\n"
    )


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "ended by SIGTERM"),
        (signal.SIGHUP, "ended by SIGHUP"),
    ],
)
def test_a_signal_ends_the_work_in_order(number: signal.Signals, word: str, tmp_path: Path) -> None:
    body = (
        "import tempfile, signal\n"
        f"with tempfile.TemporaryDirectory(dir={str(tmp_path)!r}):\n"
        "    print('at work', flush=True)\n"
        "    signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script(body)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(number)
        process.send_signal(number)  # as `timeout` does: to the process and to its group
        _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (128 + number, f"{word}: all is kept\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    body = "import os, signal\nos.kill(os.getpid(), signal.SIGHUP)\nprint('still here')"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        done = python("-c", script(body))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (done.returncode, done.stdout) == (0, "still here\n")


def test_nothing_is_printed_after_the_answer() -> None:
    # What libraries print while the interpreter is taken down.
    body = (
        "import atexit, weakref\n"
        "class Loud:\n"
        "    def __del__(self): sys.stderr.write('leaked\\n')\n"
        "sys.loud = Loud()\n"
        "print('the answer')"
    )
    done = python("-c", script(body))
    assert (done.returncode, done.stdout, done.stderr) == (0, "the answer\n", "")


def test_what_libraries_do_at_exit_is_done(tmp_path: Path) -> None:
    body = "import atexit, pathlib\natexit.register(pathlib.Path('done').touch)"
    assert python("-c", script(body), cwd=tmp_path, env=with_path()).returncode == 0
    assert (tmp_path / "done").exists()


def with_path(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def test_an_exception_of_our_own_keeps_its_traceback() -> None:
    done = python("-c", script("raise ZeroDivisionError('a bug')"))
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: a bug\n")


def test_a_reader_that_has_enough_is_no_error() -> None:
    body = "for _ in range(100_000): print('a long line of a long table')"
    with subprocess.Popen(
        [sys.executable, "-c", script(body)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


def test_closed_streams_and_poor_encodings() -> None:
    program = script("print('0.5 \\u00b1 0.1')")
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable, "-c", program],
        check=False, cwd=ROOT, timeout=PATIENCE_S,
    )  # fmt: skip
    assert closed.returncode == 0
    poor = python("-c", program, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (poor.returncode, poor.stdout, poor.stderr) == (0, "0.5 ? 0.1\n", "")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UserError("--seeds x: must be integers"), "--seeds x: must be integers"),
        (PermissionError(errno.EACCES, "", "plots"), "plots: Permission denied; choose a folder "),
        (OSError(errno.ENOSPC, "", "a.npz"), "a.npz: No space left on device; make room there"),
        (UserError("b\n\x1b[2J.png: no image\n"), r"b\n\x1b[2J.png: no image"),
        (OSError(errno.EMFILE, "", None), "Too many open files; raise the limit with `ulimit -n"),
        (MemoryError(), "out of memory (MemoryError); use fewer --workers"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"), "out of "),
        (
            ImportError("libtorch.so: failed to map segment from shared object"),
            "out of memory (lib",
        ),
        (
            ModuleNotFoundError("No module named 'optuna'", name="optuna.samplers"),
            'this needs optuna: pip install "sae-bench[search]"',
        ),
    ],
)
def test_what_the_user_has_to_mend_is_one_line(
    error: Exception, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert command.answer(fail) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {text}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "error", [ValueError("ours"), OSError("of no number"), ModuleNotFoundError("x", name="x")]
)
def test_what_is_a_bug_is_raised(error: Exception) -> None:
    def fail() -> int:
        raise error

    with pytest.raises(type(error)):
        command.answer(fail)


def test_one_of_several_things_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def fail(error: Exception) -> None:
        raise error

    with command.leaving_out("effects"):
        fail(ModuleNotFoundError(name="optuna"))
    assert caplog.messages == [
        'effects is left out: this needs optuna: pip install "sae-bench[search]" (or [all])'
    ]
    with pytest.raises(ImportError, match="x"), command.leaving_out("effects"):
        fail(ModuleNotFoundError("x", name="x"))


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra, modules in command.EXTRAS.items():
        installed = " ".join(project["optional-dependencies"][extra]).replace("-", "_")
        base = " ".join(project["dependencies"]).replace("-", "_")
        assert modules[0] in installed
        assert modules[0] not in base


def test_a_hint_repeats_the_folder_and_the_way_of_calling(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.line("figures", results=Path("results")) == "python -m bench.figures"
    spaced = command.line("figures", results=Path("my runs"))
    assert spaced == "python -m bench.figures --results 'my runs'"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/sae-bench", "compare"])
    assert command.line("figures") == "sae-bench figures"
    assert (
        "  sae-bench compare -x"
        in command.parser("compare", "", "  python -m bench.compare -x").format_help()
    )


def test_the_commands_are_listed_and_a_typo_has_a_neighbour(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sae-bench {bench.__version__}\n"
    assert main(["comprae"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: unknown command 'comprae'; choices: compare, search, ")
    assert err.endswith("; did you mean 'compare'?\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "last"),
    [
        (("--datasets", "pneumonia", "--data", "."), 2, "error: dataset 'pneumonia'"),
        (("--datasets", "cells.npz", "--task", "classification"), 0, "all configurations: "),
    ],
)
def test_the_last_line_is_ours_and_nothing_is_left_in_the_temporary_folder(
    arguments: Sequence[str], code: int, last: str, tmp_path: Path
) -> None:
    classes_npz(tmp_path / "cells.npz")  # its few images are soon corrupted
    (scratch := tmp_path / "scratch").mkdir()
    env = with_path(TMPDIR=str(scratch), https_proxy="http://127.0.0.1:9")
    smoke = ["--preset", "smoke", "--methods", "standard", "--set", "epochs=1", "--workers", "1"]
    done = python(
        "-m", "bench.compare", *smoke, *arguments, cwd=tmp_path, env=env, capture_output=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert done.stdout.splitlines()[-1].startswith(last)
    assert [path.name for path in scratch.iterdir() if "torch" not in path.name] == []


@pytest.mark.slow
def test_the_base_install_compares_draws_and_names_what_is_missing(tmp_path: Path) -> None:
    smoke = ["--preset", "smoke", "--methods", "standard", "--set", "epochs=1"]
    calls = {
        "base": ["compare", *smoke, "--workers", "0"],
        "figures": ["figures", "--plots", str(tmp_path / "plots")],
        "search": ["search", "--preset", "smoke"],
        "report": ["report"],
        "cluster": ["compare", *smoke, "--scheduler", "tcp://here:1", "--seeds", "9"],
        "deploy": ["export", "--best", "nll", "--out", str(tmp_path / "out")],
    }
    # One process for all: what it imports takes longer than what they do.
    code = (
        "import contextlib, io, json, sys\n"
        "from bench.console import command\n"
        "from bench.__main__ import main\n"
        "from bench.shift import table\n"
        "table.CORRUPTIONS = {name: table.CORRUPTIONS[name] for name in ('contrast',)}\n"
        "for names in command.EXTRAS.values(): sys.modules |= dict.fromkeys(names)\n"
        "for name, arguments in json.loads(sys.argv[1]).items():\n"
        "    with contextlib.redirect_stderr(io.StringIO()) as err:\n"
        f"        code = main([*arguments, '--results', {str(tmp_path / 'results')!r}])\n"
        "    print(json.dumps([name, code, err.getvalue()]))\n"
    )
    done = python("-c", code, json.dumps(calls), timeout=5 * PATIENCE_S)
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    answers = {name: (code_of, err) for name, code_of, err in map(json.loads, lines)}
    assert answers.keys() == calls.keys(), done.stderr
    for name, (code_of, err) in answers.items():
        if name in ("base", "figures"):
            assert code_of == 0, err
            continue
        last = err.splitlines()[-1]
        assert (code_of, last[:12]) == (2, "error: this "), err
        assert f'pip install "sae-bench[{name}]"' in last
    assert list((tmp_path / "plots").glob("pareto*.png"))
