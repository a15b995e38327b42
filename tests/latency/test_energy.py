"""The processor's counters, on a kernel made of files."""

from pathlib import Path

import pytest

from bench.deploy.latency.energy import meter


def zone(root: Path, name: str, kind: str, value: int, turn: int = 999) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{kind}\n")
    (folder / "max_energy_range_uj").write_text(f"{turn}\n")
    counter = folder / "energy_uj"
    counter.write_text(f"{value}\n")
    return counter


def test_joules_of_all_packages(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", "package-0", 100, turn=10**9)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 7, turn=10**9)
    zone(tmp_path, "intel-rapl:0:0", "core", 5)  # part of its package: not counted twice
    counted = meter(tmp_path)
    assert counted is not None
    before = counted.read()
    first.write_text("2000100\n")
    second.write_text("500007\n")
    assert counted.joules(before, counted.read()) == pytest.approx(2.5)


def test_a_counter_that_begins_anew(tmp_path: Path) -> None:
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 990, turn=999)
    counted = meter(tmp_path)
    assert counted is not None
    before = counted.read()
    counter.write_text("15\n")
    assert counted.joules(before, counted.read()) == pytest.approx(25e-6)


def test_a_machine_without_a_meter(tmp_path: Path) -> None:
    assert meter(tmp_path / "none") is None
    zone(tmp_path, "intel-rapl:0:0", "core", 5)
    assert meter(tmp_path) is None


def test_a_meter_that_may_not_be_read(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 1).unlink()
    assert meter(tmp_path) is None
