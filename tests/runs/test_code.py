"""Which code made a run: what is recorded, what is told, what is made again."""

from pathlib import Path

import pytest

from bench.records.store import Store
from bench.runs import code, environment
from bench.runs import run as run_module
from bench.runs.code import code_digest, notes
from bench.runs.environment import git_commit
from methods import METHODS
from runs.tiny_runs import ROOT, TINY, Cli, config, start


def test_the_digest_is_of_the_method_the_backbone_and_what_they_share() -> None:
    digests = {code_digest(method, backbone) for method in ("sae", "standard", "ensemble")
               for backbone in ("fc", "vgg")}  # fmt: skip
    assert len(digests) == 6
    files = [path for part in code._PARTS for path in code._python_files(ROOT / part)]
    assert {"method.py", "loop.py", "table.py", "run.py", "cost.py"} <= {p.name for p in files}


OWN = """
from methods.standard import Standard, StandardSettings
class Own(Standard):
    settings_type = StandardSettings
    @classmethod
    def category(cls, settings, backbone): return "Own"
"""


def test_a_method_of_a_file_in_worker_processes_and_its_code_in_the_record(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(METHODS.variable, "")
    monkeypatch.chdir(tmp_path)
    digests = []
    for name, text in (("own_one", OWN), ("own_two", OWN + "    def extra(self): pass\n")):
        (tmp_path / f"{name}.py").write_text(text)
        digests.append(code_digest(METHODS.add_file(tmp_path / f"{name}.py"), "fc"))
    assert len({*digests, code_digest("standard", "fc")}) == 3
    process = start(
        *TINY, "--methods", "./own_one.py", "--results", str(results), "--workers", "1",
        SAE_BENCH_METHODS="",
    )  # fmt: skip
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "| Own " in out
    (record,) = Store(results).finished()
    assert record.config.method.name == "own_one"
    assert record.code == digests[0]


def test_runs_of_other_code_are_named_and_made_again_if_asked(
    cli: Cli, results: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "made by other code" not in cli()[1]
    run_id = config().run_id
    before = Store(results).load(run_id)
    assert before is not None
    assert before.code == code_digest("standard", "fc")
    trained.clear()

    for module in (code, run_module):
        monkeypatch.setattr(module, "code_digest", lambda *_: "c" * 64)
    _, out, _ = cli()
    assert (
        f"1 of these runs were made by other code than today's and stand as they were: {run_id};"
        in out
    )
    assert trained == []
    _, out, _ = cli("--rerun-changed")
    assert "made by other code" not in out
    assert trained == [run_id]
    after = Store(results).load(run_id)
    assert after is not None
    assert (after.code, after.files) == ("c" * 64, before.files)
    (aside,) = (results / "set-aside").iterdir()
    assert aside.name.startswith(run_id)


def test_many_runs_of_other_code_are_counted() -> None:
    (note,) = notes([f"r{i}" for i in range(5)])
    assert note.startswith("5 of these runs")
    assert "r0, r1, r2 and 2 more;" in note
    assert notes([]) == []


def test_the_commit_of_a_clone_that_git_calls_dubious(monkeypatch: pytest.MonkeyPatch) -> None:
    git_commit.cache_clear()
    known = git_commit()
    git_commit.cache_clear()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert git_commit() == known
    git_commit.cache_clear()


def test_an_untracked_method_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_ROOT", tmp_path)
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        environment._git("-c", "user.name=a", "-c", "user.email=a@b", *command)
    assert len(git_commit.__wrapped__() or "") == 40
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "mine.py").write_text("")
    assert (git_commit.__wrapped__() or "").endswith("+changes")
