from collections import OrderedDict

from torch import nn

from methods.core.surgery import replace_layers


class Marked(nn.Module):
    """Contains the layer it replaces, as the methods' own replacements do."""

    def __init__(self, index: int, layer: nn.Module) -> None:
        super().__init__()
        self.index = index
        self.layer = layer


def indices(root: nn.Module) -> list[tuple[str, int]]:
    return [(name, m.index) for name, m in root.named_modules() if isinstance(m, Marked)]


def test_every_layer_is_replaced_once() -> None:
    root = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(1, 1, 1)))
    kinds = (nn.Linear, nn.Conv2d)
    assert replace_layers(root, kinds, Marked) == 2
    assert indices(root) == [("0", 0), ("2.0", 1)]
    assert isinstance(root[1], nn.ReLU)


def test_indices_are_in_definition_order_at_any_nesting() -> None:
    # The first layer lies deeper than the second: index 0 must still be the input layer.
    nested = nn.Sequential(nn.Sequential(nn.Linear(1, 2)))
    root = nn.Sequential(OrderedDict(stem=nested, stage=nn.Linear(2, 3), last=nn.Linear(3, 4)))
    replace_layers(root, (nn.Linear,), Marked)
    assert indices(root) == [("stem.0.0", 0), ("stage", 1), ("last", 2)]


def test_root_itself_is_not_replaced() -> None:
    root = nn.Linear(2, 2)
    assert replace_layers(root, (nn.Linear,), Marked) == 0
