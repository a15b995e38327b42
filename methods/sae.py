"""SAE: Single Architecture Ensemble (Ferianc, Fan, Rodrigues 2024, arXiv 2402.06580).

One network with N inputs and D exits. A depth distribution, learned per input, gives how much each
exit counts; the K most probable exits of every input stay active. SE, EE, MIMO, MIMMO and
in-between ensembles are points (N, K) of this one space.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.core.backbone import BackboneSettings
from methods.core.depth import kl_from_uniform, softmax_without
from methods.core.depth_meter import DepthMeter
from methods.core.exit_sets import choice_rank
from methods.core.method import Method, ParameterGroup, Predictor, uniform_weights
from methods.core.multi_input import MultiInput
from methods.core.network import Exit, Network, Problem
from methods.core.sampling import gumbel, input_sources, relaxed_top_k
from methods.core.schedule import Progress, linear
from methods.core.seeding import seeded
from methods.core.space import Settings, setting

# The authors' code drops exits below this share of an input's depth distribution.
NEGLIGIBLE = 0.001


@dataclass(frozen=True, kw_only=True)
class SAESettings(Settings):
    """The point (N, K), the three schedules, and the points where paper and code differ.

    Attributes:
        n_inputs: N.
        n_exits: K, active exits for each input, at most D.
        alpha_start, alpha_end: weight of the KL term.
        temperature_start, temperature_end: T of the depth distribution and of its draws.
        repetition_start, repetition_end: share i of rows that carry one sample on all inputs.
        kl_scale: factor c of the KL beside the mean NLL of a batch: 1/B (Eq. 3 with |D|/B replaced
            by 1), 1/|D| (the bound of Antoran et al. 2020), or 1 (the authors' code).
        draw: Gumbel noise is added to log theta (the text), or to the depth logits, and T divides
            afterwards (the authors' code, which so draws from softmax(l), not from theta).
        draw_temperature: temperature of the relaxed top-K draw from theta; towards 0 draws are
            hard, and their mean is that of sampling without replacement. Unused by draw=logits.
        draw_sum: the weights of a draw sum to 1 (an expectation) or to K (the authors' code).
        depth_weights: drawn in every step, or the distribution itself ("expected").
        batch_repetition: how often a batch is repeated within a step (the authors' code: 2).
        negligible_exits: active exits of theta* < 0.001 are kept, or dropped (K is a maximum).
        depth_learning_rate: multiplier of the learning rate for the depth logits.
        depth_clip: largest gradient norm of the depth logits.
    """

    n_inputs: int = setting(
        2,
        letter="N",
        at_least=1,
        search=(1, 4),
        smoke=(1, 2),
        quick=(1, 2, 3, 4),
        paper=(1, 2, 3, 4),
    )
    n_exits: int = setting(
        2,
        letter="K",
        at_least=1,
        search=(1, "depth"),
        smoke=(1, 2, 4),
        quick=(1, 2, 3, 4),
        paper=(1, 2, 3, 4),
    )
    alpha_start: float = setting(1.0, at_least=0.0, at_most=1.0, search=(0.0, 1.0))
    alpha_end: float = setting(0.0, at_least=0.0, at_most=1.0, search=(0.0, 1.0))
    temperature_start: float = setting(1.0, above=0.0, at_most=1.0, search=(0.1, 1.0))
    temperature_end: float = setting(0.5, above=0.0, at_most=1.0, search=(0.01, 1.0))
    repetition_start: float = setting(0.0, at_least=0.0, at_most=1.0, search=(0.0, 1.0))
    repetition_end: float = setting(0.5, at_least=0.0, at_most=1.0, search=(0.0, 1.0))
    kl_scale: str = setting("batch", choices=("batch", "dataset", "one"))
    draw: str = setting("theta", choices=("theta", "logits"))
    draw_temperature: float = setting(1.0, above=0.0)
    draw_sum: str = setting("one", choices=("one", "K"))
    depth_weights: str = setting("sampled", choices=("sampled", "expected"))
    batch_repetition: int = setting(1, at_least=1)
    negligible_exits: str = setting("kept", choices=("kept", "dropped"))
    depth_learning_rate: float = setting(30.0, above=0.0, search=(1.0, 100.0), log=True)
    depth_clip: float = setting(1.0, above=0.0)


class SAE(Method[SAESettings]):
    """N inputs, D exits, K of them active for each input at evaluation."""

    settings_type = SAESettings
    explores_depth = False

    def __init__(self, problem: Problem, settings: SAESettings, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        depth = problem.backbone.depth
        with seeded(seed, "init"):
            self.network = Network(problem, n_inputs=settings.n_inputs, exits=range(1, depth + 1))
        self.depth_logits_ND = nn.Parameter(torch.zeros(settings.n_inputs, depth))
        self.n_train = problem.n_train
        self._epoch = DepthMeter()

    @classmethod
    def check(cls, settings: SAESettings, backbone: BackboneSettings) -> None:
        """K active exits need a backbone of at least K stages."""
        if settings.n_exits > backbone.depth:
            raise ValueError(
                f"sae.n_exits={settings.n_exits}: K must be <= D, and the backbone's depth is "
                f"D={backbone.depth}"
            )

    @classmethod
    def category(cls, settings: SAESettings, backbone: BackboneSettings) -> str:
        """SE, EE, MIMO, MIMMO or in-between; at D = 1 MIMO and MIMMO coincide (called MIMO)."""
        n_inputs, n_exits = settings.n_inputs, settings.n_exits
        if n_inputs == 1:
            return "SE NN" if n_exits == 1 else "EE"
        if n_exits == 1:
            return "MIMO"
        return "MIMMO" if n_exits == backbone.depth else "I/B"

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        """mean_B sum_ND w_ND * NLL_BND + alpha * c * KL(theta || uniform), summed over inputs."""
        s = self.settings
        alpha = linear(s.alpha_start, s.alpha_end, progress) * self._kl_scale(len(y_B))
        nll_ND = self._nll(x_BQHW, y_B, progress)
        temperature = self._temperature(progress)
        # Two views of the logits, so that the gradients of the two terms are recorded apart.
        data_ND, kl_ND = self.depth_logits_ND.view_as(nll_ND), self.depth_logits_ND.view_as(nll_ND)
        self._epoch.watch(nll_ND, data_ND, kl_ND, alpha)
        kl = kl_from_uniform(kl_ND, temperature)
        return (self._depth_weights(data_ND, temperature) * nll_ND).sum() + alpha * kl

    def _kl_scale(self, batch_size: int) -> float:
        """c, the factor of the KL beside a mean over the batch."""
        scale = self.settings.kl_scale
        if scale == "one":
            return 1.0
        if scale == "batch":
            return 1 / batch_size
        if self.n_train is None:
            raise ValueError("sae.kl_scale=dataset: the problem must say how many samples train")
        return 1 / self.n_train

    def _nll(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        """Mean NLL over the batch of each input and exit, (N, D)."""
        s = self.settings
        if s.batch_repetition > 1:
            x_BQHW = x_BQHW.repeat(s.batch_repetition, 1, 1, 1)
            y_B = y_B.repeat(s.batch_repetition)
        share = linear(s.repetition_start, s.repetition_end, progress)
        sources_BN = input_sources(len(x_BQHW), s.n_inputs, share, x_BQHW.device)
        # Rows copied whole: twice as fast as indexing, which goes by element.
        rows_RQHW = x_BQHW.index_select(0, sources_BN.flatten())
        stacked_BQHW = rows_RQHW.view(len(sources_BN), -1, *x_BQHW.shape[2:])
        logits_BNDC = self._all_exits(stacked_BQHW)
        return -self.likelihood.log_prob(logits_BNDC, y_B[sources_BN][..., None]).mean(0)

    def _all_exits(self, x_BQHW: Tensor) -> Tensor:
        outputs_BMC = self.network(x_BQHW)
        n_inputs, depth = self.depth_logits_ND.shape
        outputs_BDNC: Tensor = outputs_BMC.view(len(outputs_BMC), depth, n_inputs, -1)
        return outputs_BDNC.transpose(1, 2)

    def _depth_weights(self, logits_ND: Tensor, temperature: Progress) -> Tensor:
        """One draw of w_ND for a step, or theta itself."""
        s = self.settings
        if s.depth_weights == "expected":
            return torch.softmax(logits_ND / temperature, dim=-1)
        if s.draw == "theta":
            logits_ND = torch.log_softmax(logits_ND / temperature, dim=-1)
            temperature = s.draw_temperature
        noisy_ND = logits_ND + gumbel(logits_ND.shape, like=logits_ND)
        w_ND = relaxed_top_k(noisy_ND, s.n_exits, temperature)
        return w_ND / s.n_exits if s.draw_sum == "one" else w_ND

    def _temperature(self, progress: Progress) -> Progress:
        return linear(self.settings.temperature_start, self.settings.temperature_end, progress)

    def active(self) -> tuple[list[Exit], Tensor]:
        """The predictors of evaluation, by exit and input, and their weights theta*_ND / N."""
        s = self.settings
        logits_ND = self.depth_logits_ND.detach()
        # Stable: equal logits go to the shallower, that is the cheaper, exit.
        order_ND = logits_ND.argsort(dim=-1, descending=True, stable=True)
        inactive_ND = torch.ones_like(logits_ND, dtype=torch.bool)
        inactive_ND.scatter_(1, order_ND[:, : s.n_exits], False)
        theta_ND = softmax_without(logits_ND, inactive_ND, s.temperature_end)
        if s.negligible_exits == "dropped":
            inactive_ND |= theta_ND < NEGLIGIBLE
            theta_ND = softmax_without(logits_ND, inactive_ND, s.temperature_end)
        exits_DN = (~inactive_ND).T.nonzero()
        predictors = [Exit(depth + 1, n) for depth, n in exits_DN.tolist()]
        return predictors, theta_ND.T[exits_DN[:, 0], exits_DN[:, 1]] / s.n_inputs

    def examine(self, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Any]:
        """How the chosen exits rank among all sets of exits, see ``choice_rank``."""
        s = self.settings
        log_prob_BND = torch.cat(
            [
                self.likelihood.log_prob(
                    self._all_exits(x_BQHW.repeat(1, s.n_inputs, 1, 1)), y_B[:, None, None]
                )
                for x_BQHW, y_B in batches
            ]
        )
        predictors, weights_M = self.active()
        chosen_ND = torch.zeros_like(self.depth_logits_ND)
        for (depth, n), weight in zip(predictors, weights_M, strict=True):
            chosen_ND[n, depth - 1] = weight
        logits_ND = self.depth_logits_ND
        return choice_rank(log_prob_BND, chosen_ND, logits_ND, s.n_exits, s.temperature_end)

    def forward(self, x_BQHW: Tensor) -> Tensor:
        """The same image on all N inputs; the outputs of the active predictors."""
        outputs_BMC: Tensor = self.network(x_BQHW.repeat(1, self.settings.n_inputs, 1, 1))
        predictors, _ = self.active()
        index = {predictor: m for m, predictor in enumerate(self.network.predictors)}
        return outputs_BMC[:, [index[predictor] for predictor in predictors]]

    def weights(self) -> Tensor:
        return self.active()[1]

    def pruned(self) -> Predictor:
        """Cut after the deepest active exit, without unused heads and head rows."""
        return self._pruned(*self.active())

    def prunings(self) -> Iterator[Predictor]:
        """For every set of exits that its inputs can use between them, one choice that does.

        Costs depend on that set and on N * K alone: all heads have equally many outputs an input.
        """
        n_inputs, depth = self.depth_logits_ND.shape
        most = self.settings.n_exits
        for k in range(1 if self.settings.negligible_exits == "dropped" else most, most + 1):
            for size in range(k, min(depth, n_inputs * k) + 1):
                for exits in itertools.combinations(range(1, depth + 1), size):
                    # In turn, so that N * k uses leave out none of the exits.
                    used = [Exit(exits[use % size], use // k) for use in range(n_inputs * k)]
                    yield self._pruned(used, uniform_weights(len(used), like=self))

    def _pruned(self, predictors: list[Exit], weights_M: Tensor) -> Predictor:
        network = self.network.pruned(predictors)
        return MultiInput(network, self.settings.n_inputs, weights_M, self.likelihood).eval()

    def parameter_groups(self) -> list[ParameterGroup]:
        """The depth logits: no decay, their own clip and learning-rate multiplier."""
        s = self.settings
        per_input = s.n_exits if s.draw_sum == "K" and s.depth_weights == "sampled" else 1
        return [
            ParameterGroup(
                name="weights",
                parameters=list(self.network.parameters()),
                clip_factor=s.n_inputs * per_input,
            ),
            ParameterGroup(
                name="depth_logits",
                parameters=[self.depth_logits_ND],
                learning_rate=s.depth_learning_rate,
                weight_decay=False,
                clip=s.depth_clip,
            ),
        ]

    def diagnostics(self, progress: float) -> dict[str, Any]:
        """theta_ND, its logits, where the schedules stand, and the meter's readings.

        Restarts the meter: call it once an epoch.
        """
        s = self.settings
        temperature = self._temperature(progress)
        logits_ND = self.depth_logits_ND.detach()
        return {
            "theta": torch.softmax(logits_ND / temperature, dim=-1).tolist(),
            "depth_logits": logits_ND.tolist(),
            "alpha": linear(s.alpha_start, s.alpha_end, progress),
            "temperature": temperature,
            "repetition": linear(s.repetition_start, s.repetition_end, progress),
            **self._epoch.read(),
        }
