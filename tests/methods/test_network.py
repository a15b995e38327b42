import pytest
import torch
from tiny_problems import make_problem
from torch import Tensor, nn

from methods.core.exits import make_head
from methods.core.network import Exit, Network

WIDTH, N_PIXELS, N_CLASSES = 5, 6, 3
LINEAR = WIDTH * WIDTH + WIDTH
BATCH_NORM = 2 * WIDTH
STAGE = ADAPTER = LINEAR + BATCH_NORM


@pytest.fixture
def network() -> Network:
    """N = 2 inputs, D = 3 exits, its BatchNorm averages no longer the initial ones."""
    torch.manual_seed(0)
    network = Network(make_problem(width=WIDTH, depth=3), n_inputs=2, exits=[1, 2, 3])
    for scale in (1.0, 2.0, 0.5):
        network(scale * torch.randn(16, 2, 2, 3) + 1)
    return network.eval()


def n_parameters(module: nn.Module) -> int:
    return sum(values.numel() for values in module.parameters())


def stem(n_inputs: int) -> int:
    return n_inputs * N_PIXELS * WIDTH + WIDTH


def rows(n_predictors: int) -> int:
    """Parameters of the output rows of so many predictors."""
    return n_predictors * N_CLASSES * (WIDTH + 1)


def test_predictors_are_ordered_by_exit_then_input() -> None:
    network = Network(make_problem(), n_inputs=2, exits=[3, 1])
    assert network.predictors == [Exit(1, 0), Exit(1, 1), Exit(3, 0), Exit(3, 1)]


def test_outputs_stand_in_the_order_of_the_predictors(network: Network) -> None:
    """Each output, computed from the layers one by one."""
    x_BQHW = torch.randn(4, 2, 2, 3)
    outputs_BMC = network(x_BQHW)
    features = network.backbone.stem(x_BQHW)
    for depth in (1, 2, 3):
        features = network.backbone.stages[depth - 1](features)
        head = network.heads[str(depth)]
        for n in (0, 1):
            m = network.predictors.index(Exit(depth, n))
            linear = head.linear
            assert isinstance(linear, nn.Linear)
            adapter = head.adapter
            assert isinstance(adapter, nn.Module)
            picked = slice(n * N_CLASSES, (n + 1) * N_CLASSES)
            expected_BC = adapter(features) @ linear.weight[picked].T + linear.bias[picked]
            torch.testing.assert_close(outputs_BMC[:, m], expected_BC)


KEEP_SETS = [
    [Exit(1, 0)],
    [Exit(1, 0), Exit(1, 1)],
    [Exit(2, 1)],
    [Exit(3, 0)],
    [Exit(3, 0), Exit(3, 1)],
    [Exit(1, 1), Exit(3, 0)],
    [Exit(1, 0), Exit(2, 1), Exit(2, 0)],
    [Exit(d, n) for d in (1, 2, 3) for n in (0, 1)],
]


@pytest.mark.parametrize("keep", KEEP_SETS, ids=lambda keep: "-".join(f"d{d}n{n}" for d, n in keep))
def test_pruned_predicts_exactly_as_the_full_network(network: Network, keep: list[Exit]) -> None:
    # Small whole numbers: sums are exact in any order, so equality can be asked for.
    with torch.no_grad():
        for values in [*network.parameters(), *network.buffers()]:
            if values.is_floating_point():
                values.copy_((4 * values).round().clamp(-3, 3))
        for name, values in network.named_buffers():
            if name.endswith("running_var"):
                values.fill_(0.75)  # with eps 1 exactly; older torch refuses an eps of 0
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eps = 0.25
    x_BQHW = torch.randint(-3, 4, (7, 2, 2, 3)).float()
    full_BMC = network(x_BQHW)
    columns = [network.predictors.index(exit_) for exit_ in sorted(keep)]
    pruned = network.pruned(keep)
    assert pruned.predictors == sorted(keep)
    assert full_BMC.abs().max() < 2**24
    assert torch.equal(pruned(x_BQHW), full_BMC[:, columns])


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ([Exit(1, 0)], stem(2) + STAGE + ADAPTER + rows(1)),
        ([Exit(1, 0), Exit(1, 1)], stem(2) + STAGE + ADAPTER + rows(2)),
        ([Exit(2, 1)], stem(2) + 2 * STAGE + ADAPTER + rows(1)),
        ([Exit(3, 0)], stem(2) + 3 * STAGE + rows(1)),
        ([Exit(1, 1), Exit(3, 0)], stem(2) + 3 * STAGE + ADAPTER + rows(2)),
        (KEEP_SETS[-1], stem(2) + 3 * STAGE + 2 * ADAPTER + rows(6)),
    ],
)
def test_unused_parts_are_really_removed(network: Network, keep: list[Exit], expected: int) -> None:
    pruned = network.pruned(keep)
    assert n_parameters(pruned) == expected
    assert len(pruned.backbone.stages) == max(depth for depth, _ in keep)
    assert len(pruned.backbone.features) == len(pruned.backbone.stages)


def test_pruning_leaves_the_full_network_as_it_was(network: Network) -> None:
    x_BQHW = torch.randn(4, 2, 2, 3)
    before_BMC, n_before = network(x_BQHW), n_parameters(network)
    pruned = network.pruned([Exit(1, 1)])
    with torch.no_grad():
        for values in pruned.parameters():
            values.zero_()
    assert torch.equal(network(x_BQHW), before_BMC)
    assert n_parameters(network) == n_before


def test_pruned_keeps_the_precision_of_the_weights(network: Network) -> None:
    pruned = network.double().pruned([Exit(1, 1), Exit(3, 0)])
    assert {values.dtype for values in pruned.parameters()} == {torch.float64}


@pytest.mark.parametrize("keep", [[], [Exit(4, 0)], [Exit(1, 0), Exit(1, 2)]])
def test_unknown_exits_are_an_error_that_names_the_choices(
    network: Network, keep: list[Exit]
) -> None:
    with pytest.raises(ValueError, match=r"keep=\[.*must be some of \[Exit\(depth=1, input=0\)"):
        network.pruned(keep)


@pytest.mark.parametrize("depth", [0, 4])
def test_a_head_after_no_stage_is_an_error(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"exit {depth}: must be in 1\.\.3"):
        Network(make_problem(depth=3), exits=[depth])


def test_head_maps_to_the_last_stages_width() -> None:
    head = make_head("vector", (4, 6, 8), exit_depth=1, n_inputs=2, n_outputs=3)
    outputs: Tensor = head(torch.randn(5, 4))
    assert outputs.shape == (5, 2, 3)
    assert n_parameters(head) == (4 * 8 + 8) + 2 * 8 + (8 + 1) * 6
