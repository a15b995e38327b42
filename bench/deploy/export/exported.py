"""The whole way from pixels to predictive distribution as one module: what is exported."""

import functools
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.deploy.export.trained import Trained
from bench.training.inputs import Normalise
from methods.core.backbone import ImageShape
from methods.core.dropout import Drawn, Given, rate_of
from methods.core.likelihood import Range
from methods.core.method import Predictor

# Seed of the masks that a network takes if it is given none.
DEFAULT_SEED = 0


class Exported(nn.Module):
    """uint8 images (B, H, W, Q) in, the mixture's predictive out, by name.

    Normalisation, the members and their mixing are inside. Where the predictor drops (MC Dropout),
    its masks are a second input: (K, S, T), of which image b takes set b modulo K. So K = 1 gives
    all images the same S passes, and K = B gives each its own.

    Args:
        predictor: in evaluation mode; it is used as it is, not copied.
        normalise: of the data that it was trained on.
        target_range: regression: the targets that were scaled to 0 and 1.
        draws: masks are not an input but drawn, as in the run.
    """

    def __init__(
        self,
        predictor: Predictor,
        normalise: Normalise,
        target_range: Range = None,
        *,
        draws: bool = False,
    ) -> None:
        super().__init__()
        self._likelihood, self._target_range = predictor.likelihood, target_range
        self.dropout_rate = None if draws else rate_of(predictor)
        self.network = predictor if self.dropout_rate is None else Given(predictor)
        weights_M = predictor.weights().detach().double()
        self.register_buffer("weights_M", weights_M / weights_M.sum())
        scale_Q, shift_Q = normalise.per_channel()
        self.register_buffer("scale_Q", scale_Q)
        self.register_buffer("shift_Q", shift_Q)

    @classmethod
    def of(cls, trained: Trained, predictor: Predictor, *, draws: bool = False) -> Self:
        """The exported form of ``predictor``, itself a form of the trained method."""
        target_range = trained.dataset.target_range
        return cls(predictor, trained.normalise, target_range, draws=draws).eval()

    def forward(self, images_BHWQ: Tensor, keep_KST: Tensor | None = None) -> dict[str, Tensor]:
        """Predict; ``keep_KST`` (bool) is needed where the predictor drops, and only there."""
        assert isinstance(self.scale_Q, Tensor)
        assert isinstance(self.shift_Q, Tensor)
        x_BHWQ = torch.addcmul(self.shift_Q, images_BHWQ.float(), self.scale_Q)
        x_BQHW = x_BHWQ.permute(0, 3, 1, 2)
        if keep_KST is None:
            outputs_BMC = self.network(x_BQHW)
        else:
            # A tensor: the exporter to ONNX has no remainder by a size.
            n_sets = torch.full((1,), keep_KST.shape[0], dtype=torch.int64)
            set_B = torch.arange(x_BQHW.shape[0]) % n_sets
            # Rows of the passes: pass by pass, and in each image by image.
            outputs_BMC = self.network(x_BQHW, keep_KST[set_B].transpose(0, 1).flatten(0, 1))
        assert isinstance(self.weights_M, Tensor)
        # In double precision, as the run was evaluated: in float32 the log-probability of a class
        # of 0.9999999 and more is 0, and their order is lost.
        mixed_BC = self._likelihood.mix(outputs_BMC.double(), self.weights_M)
        exported = self._likelihood.exported(mixed_BC, self._target_range)
        return {name: values.float() for name, values in exported.items()}


def masks_shape(predictor: Predictor, shape: ImageShape) -> tuple[int, int] | None:
    """(S, T): the passes, and the entries of their masks; None where nothing is dropped."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        _, keep_ST = Drawn(predictor)(torch.zeros(1, *shape))
    return None if keep_ST is None else (int(keep_ST.shape[0]), int(keep_ST.shape[1]))


@functools.lru_cache(maxsize=4)
def default_masks(
    n_passes: int, n_entries: int, rate: float, seed: int = DEFAULT_SEED
) -> npt.NDArray[np.bool_]:
    """One set of masks (1, S, T): True, an entry is kept, with probability 1 - rate.

    Entry i is kept where word i of the stream, divided by 2^64, is at least the rate. The stream is
    Philox 4x64-10 with the seed as its key and the counter at 0 (Salmon et al. 2011), which NumPy
    keeps the same in all versions and on all machines.
    """
    words = np.random.Philox(key=seed).random_raw(n_passes * n_entries)
    return (words / 2**64 >= rate).reshape(1, n_passes, n_entries)
