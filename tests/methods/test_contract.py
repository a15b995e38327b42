"""What methods answer besides the contract, which tests/backbones puts them through."""

import pytest
import torch
from method_contract import batch
from tiny_problems import make_problem

from methods import load_method, method_names
from methods.backbones.fc import FCSettings


@pytest.mark.parametrize("name", method_names())
def test_negative_seed_names_value_and_rule(name: str) -> None:
    method_type = load_method(name)
    with pytest.raises(ValueError, match=r"seed=-1: must be >= 0"):
        method_type(make_problem(), method_type.settings_type(), seed=-1)


@pytest.mark.parametrize(
    ("name", "category", "explores_depth"),
    [
        ("standard", "Standard NN", True),
        ("ensemble", "NN Ensemble", True),
        ("mc_dropout", "MC Dropout", True),
        ("batch_ensemble", "BatchEnsemble", True),
        ("sae", "I/B", False),
    ],
)
def test_names_in_the_legend(name: str, category: str, explores_depth: bool) -> None:
    method_type = load_method(name)
    assert method_type.category(method_type.settings_type(), FCSettings(depth=4)) == category
    assert method_type.explores_depth is explores_depth


def test_a_sampled_step_trains_every_exit_head_of_every_input() -> None:
    sae = load_method("sae")
    problem = make_problem(depth=4)
    n_inputs, n_classes = 3, problem.likelihood.n_outputs
    method = sae(problem, sae.settings_type.from_dict({"n_inputs": 3, "n_exits": 1}), seed=0)
    torch.manual_seed(0)
    method.loss(*batch(problem), 0.0).backward()  # type: ignore[no-untyped-call]
    heads = {
        name: parameter.grad
        for name, parameter in method.named_parameters()
        if name.endswith("linear.weight")
    }
    assert len(heads) == 4
    for name, gradient in heads.items():
        assert gradient is not None
        assert gradient.view(n_inputs, n_classes, -1).any(-1).all(), name
