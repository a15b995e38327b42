"""The model of a search's objectives: which trials it sees and how it is fitted.

Letters: N trials, P encoded parameters, M objectives.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

with warnings.catch_warnings():
    # BoTorch's linear_operator scripts functions when it is imported.
    warnings.filterwarnings("ignore", message="`torch.jit.script`")
    from botorch.exceptions.errors import ModelFittingError
    from botorch.exceptions.warnings import BotorchWarning, InputDataWarning, NumericsWarning
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.models.transforms.outcome import Standardize
    from botorch.utils.multi_objective.pareto import is_non_dominated
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from linear_operator.utils.warnings import NumericalWarning

_log = logging.getLogger(__name__)

# The cost of a fit grows with the cube of its rows, and that of comparing a pool of points with
# their square. With this many an ask takes a fraction of a second however long the search has run.
MAX_ROWS = 64
# Steps of L-BFGS. The likelihood is nearly flat by then, and the next batch has another optimum.
FIT_STEPS = 50


def model_rows(train_obj: Tensor) -> Tensor:
    """Choose the trials of a model: the non-dominated ones first, then the most recent.

    Args:
        train_obj: shape (N, M), to be maximised.

    Returns:
        At most ``MAX_ROWS`` row numbers, ascending.
    """
    best_N = is_non_dominated(train_obj, deduplicate=False).numpy()
    recent_first = np.lexsort((-np.arange(len(best_N)), ~best_N))
    return torch.from_numpy(np.sort(recent_first[:MAX_ROWS]))


def fit_model(unit_x: Tensor, objectives: Tensor) -> SingleTaskGP:
    """Independent Gaussian processes of the objectives, fitted by maximum a posteriori.

    Args:
        unit_x: shape (N, P), in [0, 1].
        objectives: shape (N, M), on any scale; none is constant over the rows of the search.
    """
    with quiet_numerics():
        model = SingleTaskGP(
            unit_x, objectives, outcome_transform=Standardize(objectives.shape[-1])
        )
        likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
        try:
            fit_gpytorch_mll(likelihood, optimizer_kwargs={"options": {"maxiter": FIT_STEPS}})
        except ModelFittingError as error:
            # BoTorch has put the initial values back. With them the model still ranks points by
            # their neighbours: better than the end of a long search.
            _log.warning("the model keeps its prior hyperparameters: %s", error)
            likelihood.eval()
    return model


@contextmanager
def quiet_numerics() -> Iterator[None]:
    """Without the warnings of what is expected here.

    An objective may be constant over the model's rows, equal points need jitter or the plain
    way of sampling, torch speaks of sparse tensors that gpytorch uses, and the plain hypervolume
    improvement is meant.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Data .* is not standardized", InputDataWarning)
        warnings.filterwarnings("ignore", ".*jitter", NumericalWarning)
        warnings.filterwarnings("ignore", "Sparse invariant checks", UserWarning)
        warnings.filterwarnings("ignore", "Low-rank cholesky updates failed", BotorchWarning)
        warnings.filterwarnings("ignore", "qNoisyExpectedHyper", NumericsWarning)
        yield
