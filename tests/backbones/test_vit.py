"""The vision transformer against torch's own layers; its cost: test_method_costs.py."""

import pytest
import torch
from settled import settle
from torch import nn

from backbones.conftest import n_parameters, stage_features
from methods.backbones.vit import PatchEmbedding, PositionEmbedding, TransformerBlock, ViTSettings
from methods.core.backbone import ImageShape
from methods.core.exits import make_head


def torch_block(ours: TransformerBlock, width: int, n_heads: int) -> nn.TransformerEncoderLayer:
    """The same weights in torch's layer."""
    theirs = nn.TransformerEncoderLayer(
        width,
        n_heads,
        dim_feedforward=4 * width,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    names = {
        "attention.0": "norm1",
        "attention.1.qkv.": "self_attn.in_proj_",
        "attention.1.out": "self_attn.out_proj",
        "mlp.0": "norm2",
        "mlp.1": "linear1",
        "mlp.3": "linear2",
    }
    state = ours.state_dict()
    for old, new in names.items():
        state = {key.replace(old, new): values for key, values in state.items()}
    theirs.load_state_dict(state)
    return theirs


@pytest.mark.parametrize("n_heads", [1, 2, 4])
def test_a_block_is_torchs_pre_norm_encoder_layer(n_heads: int) -> None:
    torch.manual_seed(0)
    ours = TransformerBlock(16, n_heads)
    settle(ours)
    theirs = torch_block(ours.train(), 16, n_heads)
    tokens_BLF = 3 * torch.randn(5, 7, 16)
    torch.testing.assert_close(ours(tokens_BLF), theirs(tokens_BLF), rtol=1e-4, atol=1e-5)


def test_a_block_does_not_know_the_order_of_tokens_but_the_stem_does() -> None:
    torch.manual_seed(0)
    backbone = ViTSettings(width=16, depth=1, patch=2, head_width=8).build(ImageShape(1, 4, 4), 1)
    tokens_BLF, order = torch.randn(2, 4, 16), [2, 0, 3, 1]
    for stage in backbone.stages:
        torch.testing.assert_close(stage(tokens_BLF)[:, order], stage(tokens_BLF[:, order]))
    same_patches = torch.ones(1, 1, 4, 4)
    tokens = backbone.stem(same_patches)[0]
    assert len({tuple(token.tolist()) for token in tokens}) == 4


def test_tokens_are_linear_in_patches_read_row_by_row() -> None:
    torch.manual_seed(0)
    embedding = PatchEmbedding(6, 10, 2)
    x_BQHW = torch.randn(3, 6, 4, 8)
    weight, bias = embedding.projection.weight.flatten(1), embedding.projection.bias
    assert bias is not None
    tokens_BLF = embedding(x_BQHW)
    assert tokens_BLF.shape == (3, 8, 10)
    for token, (row, column) in enumerate([(r, c) for r in (0, 2) for c in (0, 2, 4, 6)]):
        patch = x_BQHW[:, :, row : row + 2, column : column + 2].flatten(1)
        torch.testing.assert_close(tokens_BLF[:, token], patch @ weight.T + bias)


def test_positions_are_added_and_learned() -> None:
    positions = PositionEmbedding(4, 6)
    tokens_BLF = torch.randn(3, 4, 6)
    assert torch.equal(positions(tokens_BLF) - tokens_BLF != 0, torch.ones(3, 4, 6).bool())
    positions(tokens_BLF).sum().backward()
    assert positions.position_LF.grad is not None
    assert (positions.position_LF.grad == 3).all()


def test_the_last_stage_alone_ends_with_a_layer_norm() -> None:
    torch.manual_seed(0)
    shape = ImageShape(1, 8, 8)
    backbone = ViTSettings(width=32, depth=3).build(shape, 1)
    tokens = stage_features(backbone, 5 * torch.randn(4, *shape))
    # At its initial values: mean 0 and variance 1 over the features of each token.
    torch.testing.assert_close(tokens[2].mean(-1), torch.zeros(4, 4), rtol=0, atol=1e-5)
    torch.testing.assert_close(tokens[2].var(-1, correction=0), torch.ones(4, 4), rtol=1e-3, atol=0)
    assert (tokens[1].var(-1, correction=0) - 1).abs().mean() > 0.05


def test_parameters_of_vit_base() -> None:
    # 86,567,656 as published (ImageNet, patch 16), less the class token, its position and the
    # last linear layer to 1,000 classes.
    published = 86_567_656 - 768 - 768 - (768 + 1) * 1000
    settings = ViTSettings(width=768, depth=12, patch=16, head_width=64)
    with torch.device("meta"):
        assert n_parameters(settings.build(ImageShape(3, 224, 224), 1)) == published


# ---- Exits on tokens


def test_an_early_exit_on_tokens_is_linear_gelu_layer_norm_mean() -> None:
    torch.manual_seed(0)
    head = make_head("tokens", (3, 6), exit_depth=1, n_inputs=2, n_outputs=5)
    settle(head)
    linear, _, norm, _ = head.adapter.children()
    assert isinstance(linear, nn.Linear)
    assert isinstance(norm, nn.LayerNorm)
    tokens_BLF = torch.randn(4, 7, 3)
    hidden = tokens_BLF @ linear.weight.T + linear.bias
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    centred = hidden - hidden.mean(-1, keepdim=True)
    normed = centred / (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    pooled_BF = (normed * norm.weight + norm.bias).mean(1)
    expected = (pooled_BF @ head.linear.weight.T + head.linear.bias).view(4, 2, 5)
    torch.testing.assert_close(head(tokens_BLF), expected, rtol=1e-4, atol=1e-5)
    assert n_parameters(head.adapter) == (3 + 1) * 6 + 2 * 6


def test_the_last_exit_on_tokens_is_the_mean_alone() -> None:
    head = make_head("tokens", (3, 6), exit_depth=2, n_inputs=1, n_outputs=5)
    tokens_BLF = torch.randn(4, 7, 6)
    torch.testing.assert_close(head.adapter(tokens_BLF), tokens_BLF.mean(1))
    assert n_parameters(head.adapter) == 0


# ---- Shapes


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        (ViTSettings(patch=4), (1, 28, 30), r"vit\.patch=4: must divide the image's 28x30 pixels"),
        (ViTSettings(patch=16), (1, 8, 16), r"vit\.patch=16: must divide the image's 8x16 pixels"),
        (
            ViTSettings(width=24),
            (1, 8, 8),
            r"vit\.width=24: must be a multiple of vit\.head_width=16",
        ),
        (ViTSettings(width=8), (1, 8, 8), r"vit\.width=8: must be a multiple of"),
    ],
)
def test_what_does_not_fit_is_an_error(
    settings: ViTSettings, shape: tuple[int, int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        settings.check(ImageShape(*shape))
    with pytest.raises(ValueError, match=message):
        settings.build(ImageShape(*shape), 1)
