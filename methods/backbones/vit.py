"""Vision transformer (Dosovitskiy et al. 2021; the paper's network for RetinaMNIST).

Pre-norm blocks on patches with a learned position embedding. There is no class token: exit heads
predict from the mean over tokens (the source's appendix D.3 finds the two alike).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core.backbone import Backbone, BackboneSettings, ImageShape
from methods.core.space import setting

# Width of the hidden layer of a block's MLP, in widths of the block (Dosovitskiy et al., table 1).
MLP_RATIO = 4


class PatchEmbedding(nn.Module):
    """One linear map of every patch: (B, N*Q, H, W) to (B, L, F), row by row."""

    def __init__(self, n_channels: int, width: int, patch: int) -> None:
        super().__init__()
        # A convolution that strides from patch to patch is that map, without unfolding the image.
        self.projection = nn.Conv2d(n_channels, width, patch, stride=patch)

    def forward(self, x_BQHW: Tensor) -> Tensor:
        """L = H * W / patch^2 tokens."""
        tokens_BFHW: Tensor = self.projection(x_BQHW)
        return tokens_BFHW.flatten(2).transpose(1, 2)


class PositionEmbedding(nn.Module):
    """Add a learned vector to each of L tokens."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.position_LF = nn.Parameter(torch.empty(n_tokens, width))
        nn.init.trunc_normal_(self.position_LF, std=0.02)

    def forward(self, tokens_BLF: Tensor) -> Tensor:
        """Shape kept."""
        return tokens_BLF + self.position_LF


class Attention(nn.Module):
    """Multi-head self-attention: softmax(q k^T / sqrt(head width)) v (Vaswani et al. 2017).

    It is written out: a fused kernel would hide its two matrix products from the count of FLOPs,
    and nn.MultiheadAttention its weights from the methods that replace linear layers.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.scale = (width // n_heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens_BLF: Tensor) -> Tensor:
        """Shape kept."""
        qkv = self.qkv(tokens_BLF).view(*tokens_BLF.shape[:2], 3, self.n_heads, -1)
        # From (B, L, 3, heads, head width) to three times (B, heads, L, head width).
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind()
        attention_BhLL = torch.softmax((q * self.scale) @ k.transpose(-2, -1), dim=-1)
        mixed: Tensor = self.out((attention_BhLL @ v).transpose(1, 2).flatten(2))
        return mixed


class TransformerBlock(nn.Module):
    """x + Attention(LN(x)), then x + MLP(LN(x)); the MLP is Linear - GELU - Linear."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, n_heads))
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, MLP_RATIO * width),
            nn.GELU(),
            nn.Linear(MLP_RATIO * width, width),
        )

    def forward(self, tokens_BLF: Tensor) -> Tensor:
        """Shape kept."""
        tokens_BLF = tokens_BLF + self.attention(tokens_BLF)
        mixed: Tensor = tokens_BLF + self.mlp(tokens_BLF)
        return mixed


class ViT(Backbone):
    """Stem: patches and their positions; D blocks of one width, the last with a LayerNorm."""

    layout = "tokens"


@dataclass(frozen=True, kw_only=True)
class ViTSettings(BackboneSettings):
    """Width W, D blocks, side of a patch in pixels, and width of a head (W / it are the heads)."""

    width: int = setting(
        64,
        letter="W",
        at_least=1,
        search=(16, 256),
        step=16,  # the heads share out the width
        smoke=(16,),
        quick=(32,),
        paper=(32, 64, 128, 256),
    )
    depth: int = setting(4, letter="D", at_least=1, search=(1, 4), paper=(1, 2, 3, 4))
    patch: int = setting(4, at_least=1)
    head_width: int = setting(16, at_least=1)

    @property
    def width_unit(self) -> int:
        """A whole head."""
        return self.head_width

    def check(self, shape: ImageShape) -> None:
        """Patches tile the image, and heads share out the width."""
        if shape.height % self.patch or shape.width % self.patch:
            raise ValueError(
                f"vit.patch={self.patch}: must divide the image's {shape.height}x{shape.width} "
                "pixels"
            )
        if self.width % self.head_width:
            raise ValueError(
                f"vit.width={self.width}: must be a multiple of vit.head_width={self.head_width}"
            )

    def build(self, shape: ImageShape, n_inputs: int) -> Backbone:
        """The patch embedding takes the N images as N*Q channels."""
        self.check(shape)
        n_tokens = (shape.height // self.patch) * (shape.width // self.patch)
        stem = nn.Sequential(
            PatchEmbedding(n_inputs * shape.channels, self.width, self.patch),
            PositionEmbedding(n_tokens, self.width),
        )
        n_heads = self.width // self.head_width
        stages: list[nn.Module] = [TransformerBlock(self.width, n_heads) for _ in range(self.depth)]
        # The norm that ends a pre-norm transformer: the last exit has no adapter to bring one.
        stages[-1] = nn.Sequential(stages[-1], nn.LayerNorm(self.width))
        return ViT(stem, stages, [self.width] * self.depth)
