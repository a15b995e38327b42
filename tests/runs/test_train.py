"""The training loop against hand-computed numbers and scripted methods."""

import math
from typing import Any

import pytest
import torch
from narrowed import number
from torch import Tensor

from bench.metrics import table as metrics
from bench.runs.loaded import load_dataset
from bench.runs.run import build
from bench.training.adam import ClippedAdam
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import TrainingDiverged, batches
from bench.training.predict import predict_split
from methods.core.method import Method
from methods.ensemble import member_seed
from runs.scripted import CPU, Scripted, train_on
from runs.tiny_runs import config, toy_dataset

Step = list[dict[str, Any]]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """Each group's options and gradients, clipped, after each step."""
    seen: list[Step] = []

    def spy(optimiser: ClippedAdam) -> Tensor:
        norms = step(optimiser)
        seen.append(
            [
                {
                    "lr": group["lr"],
                    "weight_decay": group["weight_decay"],
                    "gradients": [p.grad.clone() for p in group["params"]],
                }
                for group in optimiser.param_groups
            ]
        )
        return norms

    step = ClippedAdam.step
    monkeypatch.setattr(ClippedAdam, "step", spy)
    return seen


def test_every_epoch_is_a_permutation_of_its_own() -> None:
    first, again = batches(10, 4, 7, 0), batches(10, 4, 7, 0)
    assert [len(rows) for rows in first] == [4, 4, 2]
    assert torch.equal(torch.cat(first).sort().values, torch.arange(10))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    orders = [torch.cat(batches(10, 4, seed, epoch)).tolist()
              for seed, epoch in ((7, 0), (7, 1), (8, 0))]  # fmt: skip
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert orders[1] != orders[2]


def test_the_data_order_leaves_the_global_stream_alone() -> None:
    before = torch.get_rng_state()
    batches(10, 4, 7, 0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("n_rows", "lengths"), [(9, [4, 4]), (8, [4, 4]), (1, [1]), (3, [3]), (5, [4])]
)
def test_a_remainder_of_one_row_sits_the_epoch_out(n_rows: int, lengths: list[int]) -> None:
    assert [len(rows) for rows in batches(n_rows, 4, 0, 0)] == lengths


def test_the_learning_rate_falls_along_half_a_cosine(steps: list[Step]) -> None:
    train_on(Scripted(), toy_dataset(8), epochs=2, batch_size=4, learning_rate=0.1)
    # (1 + cos(pi t / 4)) / 2 for t = 0..3
    expected = [0.1, 0.1 * (2 + math.sqrt(2)) / 4, 0.05, 0.1 * (2 - math.sqrt(2)) / 4]
    assert [step[0]["lr"] for step in steps] == pytest.approx(expected, rel=1e-12)
    assert [step[1]["lr"] for step in steps] == pytest.approx([3 * lr for lr in expected])


def test_progress_runs_from_exactly_0_to_exactly_1() -> None:
    method = Scripted()
    history = train_on(method, toy_dataset(8), epochs=3, batch_size=4)
    assert method.seen[0] == 0.0
    assert method.seen[-1] == 1.0
    assert method.seen == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert [entry.progress for entry in history] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [entry.diagnostics["told"] for entry in history] == [entry.progress for entry in history]


def test_a_single_step_has_progress_0() -> None:
    method = Scripted()
    train_on(method, toy_dataset(4), epochs=1, batch_size=4)
    assert method.seen == [0.0]


def test_each_group_is_clipped_by_itself(steps: list[Step]) -> None:
    # The gradient is (2, 2, 2, 2) in both groups: a norm of 4.
    history = train_on(Scripted(slope=2.0), toy_dataset(4), epochs=1, batch_size=4, clip=3.0)
    a, b = (group["gradients"][0] for group in steps[0])
    assert a.tolist() == pytest.approx([2 * 3 / 4] * 4, rel=1e-5)
    assert b.tolist() == pytest.approx([2 * 0.5 / 4] * 4, rel=1e-5)
    # What is recorded is the norm before the clip; an empty group does not show up.
    assert history[0].parts[0].gradient_norms == pytest.approx({"a": 4.0, "b": 4.0})
    assert history[0].parts[0].clipped == {"a": 1.0, "b": 1.0}


def test_a_gradient_within_the_limit_is_left_as_it_is(steps: list[Step]) -> None:
    history = train_on(Scripted(slope=0.1), toy_dataset(4), epochs=1, batch_size=4, clip=3.0)
    assert history[0].parts[0].clipped == {"a": 0.0, "b": 0.0}
    for group in steps[0]:
        assert group["gradients"][0].tolist() == pytest.approx([0.1] * 4, rel=1e-6)


def test_weight_decay_is_for_the_groups_that_take_it(steps: list[Step]) -> None:
    method = Scripted(slope=0.0)
    # Without a gradient of the loss Adam's L2 term alone moves a weight, by the learning rate.
    train_on(method, toy_dataset(4), epochs=1, batch_size=4, weight_decay=0.5, learning_rate=0.01)
    assert [group["weight_decay"] for group in steps[0]] == [0.5, 0.0]
    assert method.a_4.tolist() == pytest.approx([0.99] * 4)
    assert method.b_4.tolist() == [1.0] * 4


def test_the_loss_is_the_mean_over_steps() -> None:
    # At slope 0 the loss is what the script says: 1 in the first step of two, 4 in the second.
    method = Scripted(slope=0.0, losses={0.0: 1.0, 1.0: 4.0})
    history = train_on(method, toy_dataset(8), epochs=1, batch_size=4)
    assert history[0].parts[0].train_loss == 2.5


@pytest.mark.parametrize(("keep", "kept"), [("best", 1), ("last", 3)])
def test_the_weights_that_are_kept(keep: str, kept: int) -> None:
    nlls = iter([3.0, 1.0, 2.0, 1.0])  # of two equal ones the earlier is the best
    snapshots: list[Tensor] = []

    def validate(method: Method[Any]) -> dict[str, float]:
        assert isinstance(method, Scripted)
        snapshots.append(method.a_4.detach().clone())
        return {"nll": next(nlls)}

    method = Scripted()
    train_on(method, toy_dataset(4), validate, epochs=4, batch_size=4, keep=keep)
    assert len({tuple(snapshot.tolist()) for snapshot in snapshots}) == 4
    assert torch.equal(method.a_4, snapshots[kept])
    assert not method.training


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_training(value: float) -> None:
    method = Scripted(losses={0.75: value})  # of steps 0..4 of epochs 0..4 the fourth
    with pytest.raises(TrainingDiverged, match=rf"loss became {value} in epoch 3"):
        train_on(method, toy_dataset(4), epochs=5, batch_size=4)


def test_depth_logits_have_a_limit_and_a_pace_of_their_own(steps: list[Step]) -> None:
    dataset = load_dataset("digits", None)
    method = build(
        config("sae", depth_clip=1e-4, depth_learning_rate=7.0, n_inputs=2, n_exits=2), dataset
    )
    history = train_on(method, dataset, epochs=1, clip=1e9, weight_decay=0.1)
    depth = [step[1] for step in steps]
    assert [group["weight_decay"] for group in steps[0]] == [0.1, 0.0]
    assert depth[0]["lr"] == pytest.approx(7 * steps[0][0]["lr"])
    norms = [float(group["gradients"][0].norm()) for group in depth]
    assert max(norms) <= 1e-4 * (1 + 1e-4)
    assert number(history[0].parts[0].gradient_norms["depth_logits"]) > 1e-4
    # The other group's own limit is out of reach.
    gradients = [torch.cat([g.flatten() for g in step[0]["gradients"]]) for step in steps]
    means = sum(float(g.norm()) for g in gradients) / len(gradients)
    assert history[0].parts[0].gradient_norms["weights"] == pytest.approx(means, rel=1e-4)


def test_members_trained_together_are_those_trained_apart() -> None:
    dataset = load_dataset("digits", None)
    together = build(config("ensemble", seed=3, n_members=2), dataset)
    train_on(together, dataset, epochs=2)
    for m, part in enumerate(together.parts()):
        apart = build(config(seed=member_seed(3, m)), dataset)
        train_on(apart, dataset, epochs=2)
        for (name, found), alone in zip(
            part.state_dict().items(), apart.state_dict().values(), strict=True
        ):
            assert torch.equal(found, alone), (m, name)


@pytest.mark.parametrize("method", ["standard", "mc_dropout", "batch_ensemble", "sae"])
def test_the_same_seed_gives_the_same_bits_whatever_was_drawn_before(method: str) -> None:
    dataset = load_dataset("digits", None)
    states = []
    for seed, drawn_before in ((5, 0), (5, 3), (6, 0)):
        torch.rand(drawn_before)
        built = build(config(method, seed=seed), dataset)
        train_on(built, dataset, epochs=1)
        states.append(torch.cat([v.double().flatten() for v in built.state_dict().values()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_training_leaves_the_global_stream_alone() -> None:
    dataset = load_dataset("digits", None)
    method = build(config("sae"), dataset)
    before = torch.get_rng_state()
    train_on(method, dataset, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_learns() -> None:
    dataset = load_dataset("digits", None)
    val, normalise = Inputs.of(dataset.val, CPU), Normalise(dataset, CPU)

    def validate(method: Method[Any]) -> dict[str, float]:
        predictive = predict_split(method, val, normalise, seed=0, purpose="val")
        return metrics.evaluate(predictive, None)

    history = train_on(build(config(width=64), dataset), dataset, validate, epochs=15)
    accuracies = [number(entry.val["accuracy"]) for entry in history]
    assert accuracies[-1] > 0.9
    assert accuracies[-1] > accuracies[0]
    losses = [number(entry.parts[0].train_loss) for entry in history]
    assert losses[-1] < 0.5 * losses[0]


def test_pixels_of_the_training_split_are_normalised_to_mean_0_and_variance_1() -> None:
    dataset = load_dataset("digits", None)
    images_BHWQ = dataset.train.images_BHWQ
    pixels = Normalise(dataset, CPU)(Inputs.of(dataset.train, CPU).images_BQHW)
    assert float(pixels.double().mean()) == pytest.approx(0, abs=1e-5)
    assert float(pixels.double().var(correction=0)) == pytest.approx(1, abs=1e-5)
    mean, std = (images_BHWQ / 255).mean(), (images_BHWQ / 255).std()
    expected = torch.from_numpy((images_BHWQ / 255 - mean) / std).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(pixels, expected, rtol=1e-5, atol=1e-5)
