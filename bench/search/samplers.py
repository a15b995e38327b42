"""Samplers: from what they know to the next point, each an Optuna sampler."""

import warnings
from collections.abc import Mapping

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from bench.errors import UserError
from bench.search.rejection import Rule

DEFAULT, GRID = "botorch", "grid"
# The grid is proposed by `bench.search.proposals` itself.
SAMPLERS = (DEFAULT, "tpe", "nsgaii", "random", GRID)

# Optuna's 50 would leave a search of 60 trials almost no generation but the random first one.
POPULATION_SIZE = 16


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


def make_sampler(
    name: str, distributions: Mapping[str, BaseDistribution], feasible: Rule, seed: int
) -> BaseSampler:
    """The sampler of one batch.

    Args:
        name: of `SAMPLERS`, the grid apart.
        distributions: what is varied.
        feasible: which points may be proposed; only "botorch" reads it, points of the others are
            rejected afterwards.
        seed: below 2**32.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if name == "nsgaii":
            return RebuiltNSGAIISampler(population_size=POPULATION_SIZE, seed=seed)
        if name == "tpe":
            return TPESampler(multivariate=True, constant_liar=True, seed=seed)
        # Without a free parameter there is nothing to model.
        if name == "random" or all(one.single() for one in distributions.values()):
            return RandomSampler(seed=seed)
        # BoTorch's linear_operator scripts functions when it is imported.
        warnings.filterwarnings("ignore", message="`torch.jit.script`")
        # Here, because it takes seconds and this module is read by ``-h`` too.
        from optuna_integration import BoTorchSampler

        from bench.search.parego import PoolCandidates

        sampler: BaseSampler = BoTorchSampler(
            candidates_func=PoolCandidates(distributions, feasible, seed),
            n_startup_trials=0,
            consider_running_trials=True,
            seed=seed,
        )
        return sampler


def check_sampler(name: str) -> None:
    """Raise UserError where there is no such sampler."""
    if name not in SAMPLERS:
        raise UserError(f"sampler {name!r} is unknown; choose one of {', '.join(SAMPLERS)}")
