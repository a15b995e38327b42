"""Bayesian proposals for many objectives: one model a batch, a fresh scalarisation a point.

Four objectives and more: ParEGO (Knowles 2006, IEEE TEC 10(1); random scalarisations as in Paria,
Kandasamy and Poczos, UAI 2020). Each point maximises the expected improvement of another random
weighting of the objectives, so that a batch spreads over the front; the cost does not grow with
the number of objectives as that of the hypervolume does. A single objective is ParEGO with the
weight 1. Two and three objectives: expected hypervolume improvement (Daulton, Balandat and Bakshy
2021, arXiv 2105.08195), in the form that integrates pending points out.

optuna_integration's own functions fit a model for every point and run a continuous optimiser,
which takes as long as training a small network. Here the model is fitted once a batch, and the
acquisition function is compared on a pool of points (``bench.search.pool``).
Letters: N trials, P encoded parameters (Optuna's columns), M objectives, S points of the pool.
"""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution
from torch import Tensor

from bench.search.pool import draw_pool
from bench.search.rejection import Rule
from bench.search.surrogate import fit_model, model_rows, quiet_numerics
from bench.search.unit_cube import Point, UnitCube, identity

with warnings.catch_warnings():
    # BoTorch's linear_operator scripts functions when it is imported.
    warnings.filterwarnings("ignore", message="`torch.jit.script`")
    from botorch.acquisition.acquisition import AcquisitionFunction
    from botorch.acquisition.logei import qLogExpectedImprovement
    from botorch.acquisition.multi_objective.monte_carlo import qNoisyExpectedHypervolumeImprovement
    from botorch.acquisition.objective import GenericMCObjective
    from botorch.models import SingleTaskGP
    from botorch.sampling.normal import SobolQMCNormalSampler
    from botorch.utils.multi_objective.hypervolume import infer_reference_point
    from botorch.utils.multi_objective.pareto import is_non_dominated
    from botorch.utils.multi_objective.scalarization import get_chebyshev_scalarization
    from botorch.utils.sampling import sample_simplex
    from botorch.utils.transforms import normalize

MC_SAMPLES = 64
# Fewer, because each has a box decomposition of its own.
HYPERVOLUME_SAMPLES = 32
# Points of the pool that are compared at once: more do not fit the cache of a core.
CHUNK = 64
MOST_HYPERVOLUME_OBJECTIVES = 3


class PoolCandidates:
    """A ``candidates_func`` of BoTorchSampler for one batch; it keeps the model between calls.

    Args:
        seed: of the pool, the weights and the Monte Carlo samples.
    """

    def __init__(
        self, distributions: Mapping[str, BaseDistribution], feasible: Rule, seed: int
    ) -> None:
        # As BoTorchSampler encodes points: by name, without the parameters of a single value.
        free = {name: d for name, d in sorted(distributions.items()) if not d.single()}
        self._transform = _SearchSpaceTransform(free)
        self._cube = UnitCube(free)
        single = UnitCube({name: d for name, d in distributions.items() if d.single()})
        self._fixed = single.point(np.full(single.dimensions, 0.5))
        self._feasible = feasible
        self._rng = np.random.default_rng(seed)
        self._model: SingleTaskGP | None = None

    def __call__(
        self,
        train_x: Tensor,
        train_obj: Tensor,
        train_con: Tensor | None,
        bounds: Tensor,
        pending_x: Tensor | None,
    ) -> Tensor:
        """Choose a point.

        Args:
            train_x: trials that are complete, encoded, shape (N, P); the same in every call.
            train_obj: their objectives, shape (N, M), to be maximised.
            train_con: constraints; not supported.
            bounds: of the encoded parameters, shape (2, P).
            pending_x: trials that are in progress, shape (any, P).

        Returns:
            Shape (P,), encoded: feasible if any point of the pool is, and neither complete nor
            pending if any such point is left.
        """
        assert train_con is None
        assert pending_x is not None, "BoTorchSampler has consider_running_trials=True"
        trained = self._points(train_x)
        parents = [
            point
            for point, best in zip(trained, is_non_dominated(train_obj).tolist(), strict=True)
            if best
        ]
        known = {identity(point) for point in [*trained, *self._points(pending_x)]}
        pool = draw_pool(self._cube, parents, self._rng)
        pool_SP = torch.from_numpy(np.stack([self._transform.transform(point) for point in pool]))

        # An objective that never varied cannot guide the search; after one trial none can.
        varies_M = (train_obj != train_obj[:1]).any(dim=0)
        if not varies_M.any():
            order = list(range(len(pool)))
        else:
            acquisition = self._acquisition(
                normalize(train_x, bounds), train_obj[:, varies_M], normalize(pending_x, bounds)
            )
            order = _best_first(acquisition, normalize(pool_SP, bounds))
        # Sorting is stable: new points first, and among them the best.
        order.sort(key=lambda index: identity(pool[index]) in known)
        allowed = (index for index in order if self._feasible({**self._fixed, **pool[index]}))
        # Without one, the sampler's caller rejects this and samples again.
        return pool_SP[next(allowed, order[0])]

    def _points(self, encoded_NP: Tensor) -> list[Point]:
        return [self._transform.untransform(row_P) for row_P in encoded_NP.numpy()]

    def _acquisition(
        self, unit_x_NP: Tensor, train_obj_NM: Tensor, pending_x: Tensor
    ) -> AcquisitionFunction:
        rows = model_rows(train_obj_NM)
        if self._model is None:
            self._model = fit_model(unit_x_NP[rows], train_obj_NM[rows])
        seed = int(self._rng.integers(2**31))
        pending = pending_x if len(pending_x) else None
        if 1 < train_obj_NM.shape[-1] <= MOST_HYPERVOLUME_OBJECTIVES:
            front = train_obj_NM[is_non_dominated(train_obj_NM)]
            return hypervolume_improvement(self._model, unit_x_NP[rows], front, pending, seed)
        return scalarised_improvement(self._model, train_obj_NM, pending, seed)


def scalarised_improvement(
    model: SingleTaskGP, train_obj: Tensor, pending_x: Tensor | None, seed: int
) -> AcquisitionFunction:
    """Log expected improvement of a random augmented Chebyshev scalarisation (ParEGO).

    The weights are uniform on the simplex; objectives are scaled to [0, 1] by the trials.

    Args:
        model: of the objectives.
        train_obj: all complete trials, shape (N, M).
        pending_x: what the improvement is shared with, shape (any, P), in [0, 1].
        seed: of the weights and the Monte Carlo samples.
    """
    weights_M = sample_simplex(train_obj.shape[-1], seed=seed, dtype=train_obj.dtype).squeeze(0)
    scalarise = get_chebyshev_scalarization(weights_M, train_obj)
    return qLogExpectedImprovement(
        model=model,
        best_f=scalarise(train_obj, None).max(),
        sampler=SobolQMCNormalSampler(torch.Size([MC_SAMPLES]), seed=seed),
        objective=GenericMCObjective(scalarise),
        X_pending=pending_x,
    )


def hypervolume_improvement(
    model: SingleTaskGP, unit_x: Tensor, front: Tensor, pending_x: Tensor | None, seed: int
) -> AcquisitionFunction:
    """Expected improvement of the hypervolume over what is trained and pending.

    Not its logarithm: that is for gradients, which a pool does without, and its constructor
    compiles C++ on first use wherever it finds a compiler. Not qEHVI: its cost doubles with each
    pending point.

    Args:
        model: of the objectives.
        unit_x: the model's rows, shape (N, P), in [0, 1].
        front: objectives of the non-dominated trials, shape (any, M).
        pending_x: as for ``scalarised_improvement``.
        seed: of the Monte Carlo samples.
    """
    with quiet_numerics():
        return qNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=infer_reference_point(front),
            X_baseline=unit_x,
            sampler=SobolQMCNormalSampler(torch.Size([HYPERVOLUME_SAMPLES]), seed=seed),
            prune_baseline=True,
            X_pending=pending_x,
        )


def _best_first(acquisition: AcquisitionFunction, pool_SP: Tensor) -> list[int]:
    with torch.no_grad(), quiet_numerics():
        values_S = torch.cat(
            [acquisition(chunk) for chunk in torch.split(pool_SP.unsqueeze(1), CHUNK)]
        )
    return torch.argsort(values_S, descending=True, stable=True).tolist()
