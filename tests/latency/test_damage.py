"""A measurement with a changed byte is left out and named, or has the same content."""

from pathlib import Path
from typing import Any

import pytest

from bench.records.measurements import damages, load, save

MEASUREMENT: dict[str, Any] = {
    "run_id": "digits-sae-0123456789ab-s0",
    "machine": {"cpu": "Abacus", "cores": 2},
    "timings": {"eager": {"latency_ms": [1.25, 1.0, 1.5]}},
    "network": {"onnx_mib": 0.5},
}


@pytest.mark.parametrize("bit", [0, 2, 5])
def test_no_changed_byte_gives_another_measurement(tmp_path: Path, bit: int) -> None:
    path = save(tmp_path, MEASUREMENT)
    whole = path.read_bytes()
    known = load(tmp_path, MEASUREMENT["run_id"])
    assert known is not None
    n_damaged = 0
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << bit
        path.write_bytes(changed)
        found = load(tmp_path, MEASUREMENT["run_id"])
        assert found in (None, known)
        assert (found is None) == (len(list(damages(tmp_path))) == 1)
        n_damaged += found is None
    assert n_damaged > len(whole) / 2
    path.write_bytes(whole[: len(whole) // 2])
    assert load(tmp_path, MEASUREMENT["run_id"]) is None
