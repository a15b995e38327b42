"""How often 95% intervals hold the truth, by number of seeds: `python -m perf.coverage`.

Studies are drawn from y[s, b] = seed[s] + example[b] + rest[s, b] with a true mean (or difference)
of 0. `ratio` is the standard deviation of a seed over the standard error that images alone leave in
one network's metric. Three intervals are compared:

- bootstrap: seeds (S - 1 of S) and examples drawn with replacement, 1,000 percentile resamples;
- Satterthwaite: t with degrees of freedom matched to the estimated variances of seeds and examples;
- in use: `bench.statistics.crossed`, sqrt(sum of t_i^2 V_i) (Banerjee 1960).

Family-wise: 8 methods equal to the reference, Holm's correction, any of them called different.
ECE: networks too sharp by a factor that varies over seeds; the truth is its mean at this test size.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.special import log_expit
from scipy.stats import t

from bench.metrics.calibration import ece
from bench.metrics.predictive import FloatArray, IntArray, Predictive
from bench.statistics.crossed import LEVEL, estimate
from bench.statistics.influence import N_GROUPS, groups_of, influences

SEEDS = (1, 2, 3, 4, 8)
RATIOS = (1.0, 3.0, 10.0)
N_COMPARISONS = 8
N_RESAMPLES = 1000
SHARED = 0.7  # of the variance over images: what is common to all networks
# Standard deviation of a network's log sharpness, and images of a test set.
SHARPNESS = (0.2, 0.6, 2.0)
N_IMAGES = 600


def bootstrap_means(y_KSG: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The means of K quantities in each resample, (K, R); all have the same draws."""
    _, n_seeds, n_groups = y_KSG.shape
    counts_RG = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), N_RESAMPLES)
    drawn = max(1, n_seeds - 1)
    counts_RS = rng.multinomial(drawn, np.full(n_seeds, 1 / n_seeds), N_RESAMPLES)
    by_seed_KSR = y_KSG @ (counts_RG.T / n_groups)
    return np.asarray((by_seed_KSR * (counts_RS.T / drawn)).sum(axis=1))


def satterthwaite_half(y_SG: FloatArray, level: float) -> float:
    """Half the interval with degrees of freedom matched to the mean squares."""
    n_seeds, n_groups = y_SG.shape
    if n_seeds == 1:
        return float(t.ppf((1 + level) / 2, n_groups - 1) * y_SG.std(ddof=1) / n_groups**0.5)
    of_seeds = n_groups * y_SG.mean(axis=1).var(ddof=1)
    of_groups = n_seeds * y_SG.mean(axis=0).var(ddof=1)
    rest_SG = y_SG - y_SG.mean(axis=0) - y_SG.mean(axis=1, keepdims=True) + y_SG.mean()
    df = (n_seeds - 1) * (n_groups - 1)
    of_rest = float(np.square(rest_SG).sum()) / df
    total = max(of_seeds, of_seeds + of_groups - of_rest)
    parts = of_seeds**2 / (n_seeds - 1) + of_groups**2 / (n_groups - 1) + of_rest**2 / df
    matched = max(n_seeds - 1, total**2 / parts)
    return float(t.ppf((1 + level) / 2, matched) * np.sqrt(total / y_SG.size))


def ours_half(y_SG: FloatArray, level: float) -> float:
    """Half the interval of `bench.statistics.crossed`."""
    means_S = y_SG.mean(axis=1)
    return estimate(means_S, y_SG - means_S[:, None]).half_width(level)


def study(
    rng: np.random.Generator, n_networks: int, n_seeds: int, ratio: float, image_1G: FloatArray
) -> FloatArray:
    """The metric of networks by seed and group of images, (networks, S, G); image SE is 1."""
    seeds = rng.normal(0, ratio, size=(n_networks, n_seeds, 1))
    rest = rng.normal(0, np.sqrt((1 - SHARED) * N_GROUPS), (n_networks, n_seeds, N_GROUPS))
    return np.asarray(seeds + rest + image_1G * np.sqrt(SHARED * N_GROUPS))


def of_means(n_studies: int) -> Iterator[dict[str, object]]:
    """Coverage of a mean and of a difference, and the family-wise error."""
    for n_seeds in SEEDS:
        for ratio in RATIOS:
            rng = np.random.default_rng([n_seeds, int(ratio)])
            hits = {name: [0.0, 0.0, 0.0] for name in ("bootstrap", "Satterthwaite", "in use")}
            width = dict.fromkeys(hits, 0.0)
            for _ in range(n_studies):
                image_1G = rng.normal(size=(1, N_GROUPS))
                y = study(rng, 1 + N_COMPARISONS, n_seeds, ratio, image_1G)
                for name, found in judged(y, rng).items():
                    hits[name] = [a + b for a, b in zip(hits[name], found[:3], strict=True)]
                    width[name] += found[3]
            for name, counts in hits.items():
                mean, difference, family = (count / n_studies for count in counts)
                yield {
                    "interval": name, "seeds": n_seeds, "ratio": ratio, "mean": mean,
                    "difference": difference,
                    # No p value below three seeds.
                    "family-wise error": np.nan if name == "in use" and n_seeds < 3 else family,
                    "width": 2 * width[name] / n_studies,
                }  # fmt: skip


def judged(y: FloatArray, rng: np.random.Generator) -> dict[str, tuple[float, float, float, float]]:
    """Does each interval hold the mean, hold a difference, reject any of the family; half width."""
    gaps = y[1:] - y[0]
    first = 1 - (1 - LEVEL) / N_COMPARISONS  # Holm's first step: does any of them pass?
    found = {}
    for name, half in (("Satterthwaite", satterthwaite_half), ("in use", ours_half)):
        found[name] = (
            float(abs(y[0].mean()) <= half(y[0], LEVEL)),
            float(abs(gaps[0].mean()) <= half(gaps[0], LEVEL)),
            float(any(abs(gap.mean()) > half(gap, first) for gap in gaps)),
            half(y[0], LEVEL),
        )
    drawn_KR = bootstrap_means(np.concatenate([y[:1], gaps]), rng)
    ends = np.quantile(drawn_KR, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    low, high = np.quantile(drawn_KR[1:], [(1 - first) / 2, (1 + first) / 2], axis=1)
    holds_K = (ends[0] <= 0) & (ends[1] >= 0)
    found["bootstrap"] = (
        float(holds_K[0]),
        float(holds_K[1]),
        float(((low > 0) | (high < 0)).any()),
        float(ends[1, 0] - ends[0, 0]) / 2,
    )
    return found


def sharp_network(
    rng: np.random.Generator, logit_B: FloatArray, y_B: IntArray, k: float
) -> Predictive:
    """A binary network that is too sure by a factor of its own."""
    logit_B = np.exp(np.log(2) + rng.normal(0, k)) * (logit_B + rng.normal(0, 0.3, len(logit_B)))
    mixed_BC = np.stack([log_expit(-logit_B), log_expit(logit_B)], axis=1)
    return Predictive(
        task="classification", mixed_BC=mixed_BC, members_BMC=mixed_BC[:, None],
        weights_M=np.ones(1), y_B=y_B,
    )  # fmt: skip


def of_ece(n_studies: int) -> Iterator[dict[str, object]]:
    """Coverage of the mean ECE over seeds and of the difference of two methods."""
    groups_B = groups_of("coverage", N_IMAGES)
    for n_seeds in SEEDS[1:]:
        for k in SHARPNESS:
            rng = np.random.default_rng([n_seeds, int(100 * k)])
            means, halves, gaps, gap_halves, of_seeds, of_images = [], [], [], [], [], []
            for _ in range(n_studies):
                logit_B = rng.normal(0, 2, N_IMAGES)
                y_B = (rng.random(N_IMAGES) < 1 / (1 + np.exp(-logit_B))).astype(np.int64)
                both = []
                for _ in range(2):
                    runs = [sharp_network(rng, logit_B, y_B, k) for _ in range(n_seeds)]
                    values = np.array([ece(run) for run in runs])
                    moved = [influences(run, None, groups_B, ["ece"])["ece"] for run in runs]
                    both.append((values, np.stack(moved)))
                (ours, of_ours), (theirs, of_theirs) = both
                found = estimate(ours, of_ours)
                gap = estimate(ours - theirs, of_ours - of_theirs)
                means.append(found.value)
                halves.append(found.half_width())
                gaps.append(gap.value)
                gap_halves.append(gap.half_width())
                of_seeds.append(ours.var(ddof=1))
                of_images.append(of_ours.var(axis=1, ddof=1).mean() / N_GROUPS)
            truth = np.mean(means)
            yield {
                "seeds": n_seeds, "ratio": math.sqrt(sum(of_seeds) / sum(of_images)),
                "mean": np.mean(np.abs(np.array(means) - truth) <= np.array(halves)),
                "difference": np.mean(np.abs(gaps) <= np.array(gap_halves)),
            }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="perf.coverage", description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies a row")
    options = parser.parse_args(argv)
    table = pd.DataFrame(of_means(options.studies)).sort_values(["interval", "seeds", "ratio"])
    sys.stdout.write("Means and differences\n\n" + table.to_markdown(index=False, floatfmt=".3f"))
    table = pd.DataFrame(of_ece(options.studies // 4))
    sys.stdout.write("\n\nECE, in use\n\n" + table.to_markdown(index=False, floatfmt=".3f") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
