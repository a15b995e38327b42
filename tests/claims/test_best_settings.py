"""Do the best (N, K) differ between metrics: every verdict forced."""

from dataclasses import replace

import pytest

from bench.claims.best_settings import judge
from claims.conftest import Width
from claims.hand_made import Made, frames

# On retina the metrics are MSE, NLL and coverage error; the first is best in MSE, the second in
# the other two.
FIRST = Made(
    name="first", category="MIMO", n_inputs=2, n_exits=1,
    val={"mse": 0.10, "nll": 0.60, "coverage_error": 0.20},
)  # fmt: skip
SECOND = Made(
    name="second", category="EE", n_inputs=1, n_exits=3,
    val={"mse": 0.20, "nll": 0.50, "coverage_error": 0.10},
)  # fmt: skip


def test_supported_if_each_is_better_in_its_own_metric(width: Width) -> None:
    width(0.05, p=0.02)  # two pairs: 2 * 0.02 < 0.05
    finding = judge(frames("retina", FIRST, SECOND), "retina")
    assert finding.verdict == "supported"
    named, of_mse, of_other = finding.parts
    assert (named.estimate, named.verdict) == (2.0, "supported")
    assert of_mse.what == "gain in MSE of MIMO label of first over EE label of second"
    assert (of_mse.estimate, of_mse.low, of_mse.high) == pytest.approx((0.1, 0.05, 0.15))
    assert of_other.estimate == pytest.approx(0.1)
    assert finding.remark == "MSE: N=2 K=1, NLL (nats): N=1 K=3, Coverage error: N=1 K=3"


def test_the_number_of_pairs_is_corrected_for(width: Width) -> None:
    width(0.05, p=0.03)  # 2 * 0.03 > 0.05
    assert judge(frames("retina", FIRST, SECOND), "retina").verdict == "undecided"


def test_undecided_if_test_does_not_tell_them_apart(width: Width) -> None:
    width(0.15)
    assert judge(frames("retina", FIRST, SECOND), "retina").verdict == "undecided"


def test_not_supported_if_all_metrics_choose_the_same(width: Width) -> None:
    width(0.0)
    wider = replace(SECOND, name="wider", category="MIMO", n_inputs=2, n_exits=1)
    finding = judge(frames("retina", FIRST, wider), "retina")
    assert (finding.verdict, len(finding.parts)) == ("not supported", 1)
    assert set(finding.config_ids) == {"first", "wider"}


def test_not_supported_if_one_is_better_in_both(width: Width) -> None:
    width(0.05)
    everywhere = {"mse": 0.1, "nll": 0.5, "coverage_error": 0.1}
    good = replace(SECOND, test=everywhere)
    bad = replace(FIRST, test={name: value + 0.2 for name, value in everywhere.items()})
    assert judge(frames("retina", bad, good), "retina").verdict == "not supported"


def test_baselines_do_not_count(width: Width) -> None:
    width(0.0)
    ensemble = replace(SECOND, name="ensemble", category="NN Ensemble")
    assert judge(frames("retina", FIRST, ensemble), "retina").verdict == "not supported"


def test_test_values_do_not_choose(width: Width) -> None:
    width(0.0)
    hidden = replace(
        FIRST, name="hidden", n_inputs=4, val={"mse": 9.0, "nll": 9.0, "coverage_error": 9.0},
        test={"mse": 0.0, "nll": 0.0, "coverage_error": 0.0},
    )  # fmt: skip
    assert "hidden" not in judge(frames("retina", FIRST, SECOND, hidden), "retina").config_ids


def test_without_a_common_seed_it_is_undecided(width: Width) -> None:
    width(0.0)
    apart = replace(SECOND, by_seed={5: 0.0})
    assert judge(frames("retina", FIRST, apart), "retina").verdict == "undecided"


def test_no_sae_runs_are_no_data() -> None:
    ensemble = replace(SECOND, category="NN Ensemble")
    finding = judge(frames("retina", ensemble), "retina")
    assert (finding.verdict, finding.remark) == ("no data", "no SAE runs on retina")
