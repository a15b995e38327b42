"""Compact records: their text, their rounding, and what stands for predictions."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import finished

from bench.records import compact
from bench.records.schema import PREDICTIONS, RecordError
from bench.records.store import Reader, Store
from bench.statistics.predictions import kept_influences, stored


def test_a_compressed_text_is_the_same_record_and_damage_is_seen(tmp_path: Path) -> None:
    plain, small = Store(tmp_path / "plain"), Store(tmp_path / "small")
    record = plain.save(finished({}), {})
    assert small.save(finished({}), {}, compressed=True) == record
    (path,) = small.folder(record.run_id).iterdir()
    assert path.name == "record.json.gz"
    assert Reader(small.root).read(record.run_id) == plain.read(record.run_id)
    content = path.read_bytes()
    for damaged in (content[:-20], content[:30] + b"xxxx" + content[34:], b"{}"):
        path.write_bytes(damaged)
        with pytest.raises(RecordError, match=r"cannot be decompressed|digest|JSON"):
            Reader(small.root).read(record.run_id)


def test_numbers_keep_six_digits() -> None:
    values = {"a": [0.123456789, 3, None, True], "b": {"c": 1234567.8}, "d": "0.123456789"}
    assert compact.rounded(values) == {
        "a": [0.123457, 3, None, True], "b": {"c": 1234570.0}, "d": "0.123456789",
    }  # fmt: skip


def test_epochs_are_spread_with_the_first_and_the_last() -> None:
    assert compact.spread(range(20), 6) == [0, 4, 8, 11, 15, 19]
    assert compact.spread(range(3), 6) == [0, 1, 2]


def test_influences_and_mixtures_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    log_p_BC = np.log(rng.dirichlet([0.2] * 3, 50) + 1e-30)
    source = tmp_path / "source.npz"
    arrays: dict[str, Any] = {"test/mixed": log_p_BC, "test/y": rng.integers(3, size=50)}
    np.savez(source, **arrays)
    of = {"nll": rng.normal(size=50), "ece": np.full(50, math.nan), "f1": np.zeros(50)}
    content = compact._predictions(source, {"test": of, "ood": {}})
    root = tmp_path / "r"
    record = Store(root).save(finished({}), {PREDICTIONS: content})

    found = kept_influences(root, record.run_id, "test")
    assert found is not None
    np.testing.assert_allclose(found["nll"], of["nll"], atol=2e-4)
    assert np.isnan(found["ece"]).all()
    assert (found["f1"] == 0).all()
    assert kept_influences(root, record.run_id, "ood") == {}
    split = stored(root, record.run_id, "test")
    np.testing.assert_allclose(split.mixed_BC, np.maximum(log_p_BC, -64), atol=1 / 1000)
    assert split.members_BMC.shape == (50, 1, 3)
    assert len(np.load(io.BytesIO(content))["test/y"].tobytes()) == 50
