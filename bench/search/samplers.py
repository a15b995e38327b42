"""The table of samplers: from what they know to the next point, each an Optuna sampler."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from bench.errors import UserError
from bench.search.grid import GridOrderSampler
from bench.search.rejection import Rule

# Optuna's 50 would leave a search of 60 trials almost no generation but the random first one.
POPULATION_SIZE = 16

# Makes a sampler for one batch from the distributions, the rule of feasible points and a seed
# below 2**32. Samplers that do not look at the rule propose points that are then rejected.
Factory = Callable[[Mapping[str, BaseDistribution], Rule, int], BaseSampler]


class RebuiltNSGAIISampler(NSGAIISampler):
    """NSGA-II whose generations follow from the order of the complete trials.

    Optuna's writes a trial's generation on the trial when it is asked for, and a history that was
    read back does not have it. Here generation g is the g-th ``population_size`` complete trials.
    """

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        return len(_complete(study)) // POPULATION_SIZE

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        first = generation * POPULATION_SIZE
        return _complete(study)[first : first + POPULATION_SIZE]


def _complete(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _botorch(
    distributions: Mapping[str, BaseDistribution], feasible: Rule, seed: int
) -> BaseSampler:
    if all(distribution.single() for distribution in distributions.values()):
        return RandomSampler(seed=seed)  # there is nothing to model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # BoTorch's linear_operator scripts functions when it is imported.
        warnings.filterwarnings("ignore", message="`torch.jit.script`")
        # Here, because it takes seconds and this table is read by ``-h`` too.
        from optuna_integration import BoTorchSampler

        from bench.search.parego import PoolCandidates

        sampler: BaseSampler = BoTorchSampler(
            candidates_func=PoolCandidates(distributions, feasible, seed),
            n_startup_trials=0,
            consider_running_trials=True,
            seed=seed,
        )
    return sampler


def _tpe(_distributions: Mapping[str, BaseDistribution], _feasible: Rule, seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, constant_liar=True, seed=seed)


def _nsgaii(
    _distributions: Mapping[str, BaseDistribution], _feasible: Rule, seed: int
) -> BaseSampler:
    return RebuiltNSGAIISampler(population_size=POPULATION_SIZE, seed=seed)


def _random(
    _distributions: Mapping[str, BaseDistribution], _feasible: Rule, seed: int
) -> BaseSampler:
    return RandomSampler(seed=seed)


def _grid(distributions: Mapping[str, BaseDistribution], feasible: Rule, _seed: int) -> BaseSampler:
    return GridOrderSampler(distributions, feasible)


DEFAULT = "botorch"
SAMPLERS: Mapping[str, Factory] = MappingProxyType(
    {DEFAULT: _botorch, "tpe": _tpe, "nsgaii": _nsgaii, "random": _random, "grid": _grid}
)


def check_sampler(name: str) -> None:
    """Raise UserError where there is no such sampler."""
    if name not in SAMPLERS:
        raise UserError(f"sampler {name!r} is unknown; choose one of {', '.join(SAMPLERS)}")
