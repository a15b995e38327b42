"""How often claims are judged wrongly where the truth is known: `python -m perf.claim_errors`.

The record is docs/claims/errors.json, its page errors.md beside it. Claims that are measured alone
replace their rows.

Each scenario plants a truth just at the bound, where a verdict is hardest: on the false side
("supported" is the error) or on the true side ("not supported" is the error), or well within one
side, where the right verdict should be reached. `ratio` is the standard deviation between networks
of one configuration over the standard error that the test images leave in one network's metric.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.claims import depth_claims, rank_claim, settings, trade_off
from bench.claims.best_point import BestPoint
from bench.claims.best_point import judge as judge_best
from bench.claims.evidence import Evidence
from bench.claims.paper import PROBLEMS
from bench.claims.trade_off import Cost, TradeOff
from bench.claims.verdict import Finding
from perf.planted_study import Chance, Planted, planted, theta_frame

# (seeds, ratio)
SIZES = ((4, 1.0), (4, 3.0), (8, 3.0))
IMAGE_SE = 0.01
N_POINTS = 48
MARGIN = 0.03
METRICS = ("accuracy", "f1", "nll", "ece", "cc_ece")
SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
RECORD, PAGE = "errors.json", "errors.md"
Row = dict[str, Any]  # of the record
Study = Mapping[str, Sequence[Planted]]
Draw = Callable[[np.random.Generator], Study]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A truth, the claim about it, and the verdict that would be wrong."""

    claim: str
    truth: str
    wrong: str
    study: Draw
    judge: Callable[[Evidence], Finding]


def always(make: Callable[..., Study], *values: object, **named: object) -> Draw:
    """A study in which nothing is drawn."""
    return lambda _: make(*values, **named)


def points(accuracy: float) -> Study:
    """Many equal SAE points against one ensemble of accuracy .8."""
    sae = [
        Planted(name=f"p{i}", category="I/B", flops=50, truth={"accuracy": accuracy})
        for i in range(N_POINTS)
    ]
    return {"blood": [*sae, Planted(name="e", category="NN Ensemble", truth={"accuracy": 0.8})]}


def methods(ahead: float) -> Study:
    """Ten points of each of three methods; EE's are ahead by this much."""
    return {
        "blood": [
            Planted(
                name=f"{category}{i}", category=category,
                flops=50 if category == "EE" else 100,
                truth={"f1": 0.8 + (ahead if category == "EE" else 0)},
            )
            for category in ("EE", "MIMO", "BatchEnsemble")
            for i in range(10)
        ]
    }  # fmt: skip


def cells(better: float, dataset: str = "blood", best: int = 0) -> list[Planted]:
    """Nine (N, K) of four configurations; N = 1 is better at accuracy, N = 3 at the NLL.

    Args:
        better: by how much; 0: all cells are alike.
        dataset: a prefix of the names.
        best: 0: as said; 1 or 3: that N is better at both.
    """
    found = []
    for n in (1, 2, 3):
        for k in (1, 2, 3):
            at = {"accuracy": 1 if best in (0, 1) else 3, "nll": 3 if best in (0, 3) else 1}
            truth = {
                "accuracy": 0.8 + better * (n == at["accuracy"]),
                "nll": 0.5 - better * (n == at["nll"]),
            }
            found += [
                Planted(
                    name=f"{dataset}{n}{k}{i}", category="I/B", n_inputs=n, n_exits=k, truth=truth
                )
                for i in range(4)
            ]
    return found


def grids(best: Mapping[str, int], better: float) -> Study:
    """The cells of datasets, each with its best N (`cells`)."""
    return {dataset: cells(better, dataset, of_it) for dataset, of_it in best.items()}


def problems(sae: float) -> Study:
    """Four data sets; SAE's two methods reach this much more than two baselines."""
    return {
        dataset: [
            Planted(name=f"{dataset}{category}{i}", category=category, truth={
                metric: 0.5 + sign * sae * (category in ("EE", "MIMO"))
                for metric, sign in (
                    ("accuracy", 1), ("f1", 1), ("nll", -1), ("ece", -1), ("cc_ece", -1),
                    ("mse", -1), ("coverage_error", -1),
                )
            })
            for category in ("EE", "MIMO", "Standard NN", "NN Ensemble")
            for i in range(2)
        ]
        for dataset in PROBLEMS
    }  # fmt: skip


TRADE_OFF = TradeOff(
    dataset="blood",
    categories=("I/B",),
    margins={"accuracy": MARGIN},
    costs=(Cost(kind="flops", times=1.5),),
)
BEST = BestPoint(dataset="blood", category="EE", metric="f1", rival="BatchEnsemble", share=0.6)


def scenarios() -> Iterator[Scenario]:
    """All of them."""

    def trade(evidence: Evidence) -> Finding:
        return trade_off.judge(evidence, TRADE_OFF)

    false, true = SUPPORTED, NOT_SUPPORTED
    for truth, value, wrong in (
        ("false, at the margin", 0.8 - MARGIN - 1e-6, false),
        ("true, at the margin", 0.8 - MARGIN + 1e-6, true),
        ("true, better by .06", 0.86, true),
        ("false, worse by .12", 0.68, false),
    ):
        yield Scenario(
            claim="trade-off", truth=truth, wrong=wrong, judge=trade,
            study=always(points, value),
        )  # fmt: skip
    for truth, ahead, wrong in (
        ("false, all equal", 0.0, false), ("true, ahead by .1", 0.1, true),
    ):  # fmt: skip
        yield Scenario(
            claim="best point", truth=truth, wrong=wrong,
            judge=lambda evidence: judge_best(evidence, BEST),
            study=always(methods, ahead),
        )  # fmt: skip
    for truth, better, best, wrong in (
        ("false, all cells alike", 0.0, 0, false),
        ("false, one cell is best at both", 0.05, 1, false),
        ("true, differ by .05", 0.05, 0, true),
    ):
        yield Scenario(
            claim="settings-<dataset>", truth=truth, wrong=wrong,
            judge=lambda evidence: settings.within(evidence, "blood"),
            study=always(grids, {"blood": best}, better),
        )  # fmt: skip
        yield Scenario(
            claim="settings-across", truth=truth, wrong=wrong,
            judge=lambda evidence: settings.across(evidence, ("blood", "pneumonia")),
            study=always(grids, {"blood": 1, "pneumonia": best or 3}, better),
        )  # fmt: skip
    for truth, better, best, wrong in (
        ("false, all alike", 0.0, 0, false), ("true, by .05", 0.05, 3, true),
    ):  # fmt: skip
        yield Scenario(
            claim="inputs", truth=truth, wrong=wrong,
            judge=lambda evidence: settings.more_inputs(evidence, "blood"),
            study=always(grids, {"blood": best}, better),
        )  # fmt: skip
    for truth, ahead, wrong in (("false, all equal", 0.0, false), ("true, by .05", 0.05, true)):
        yield Scenario(
            claim="ranks", truth=truth, wrong=wrong,
            judge=lambda evidence: rank_claim.judge(evidence, PROBLEMS),
            study=always(problems, ahead),
        )  # fmt: skip


def judged(scenario: Scenario, n_seeds: int, ratio: float, n_studies: int) -> Counter[str]:
    """How often each verdict is reached."""
    rng = np.random.default_rng([n_seeds, int(ratio), *scenario.truth.encode()])
    chance = Chance(n_seeds=n_seeds, image_se=IMAGE_SE, seed_sd=ratio * IMAGE_SE)
    verdicts = Counter[str]()
    for _ in range(n_studies):
        evidence = planted(rng, scenario.study(rng), chance)
        verdicts[scenario.judge(evidence).verdict] += 1
    return verdicts


def depth_verdicts(
    shares: Sequence[float], spread: float, n_studies: int
) -> dict[str, Counter[str]]:
    """The verdicts on distributions around these shares, which sum to 1: near uniform, and deep."""
    rng = np.random.default_rng(len(shares))
    study = {"blood": [Planted(name=f"d{i}", category="EE") for i in range(6)]}
    counts: dict[str, Counter[str]] = {"near uniform": Counter(), "deep": Counter()}
    for _ in range(n_studies):
        theta = {
            f"d{i}": [
                (np.asarray(shares) + noise_D - noise_D.mean()).tolist()
                for noise_D in spread * rng.normal(size=(4, len(shares)))
            ]
            for i in range(6)
        }
        evidence = planted(rng, study, Chance(), theta_frame("blood", theta))
        counts["near uniform"][depth_claims.near_uniform(evidence, "blood").verdict] += 1
        counts["deep"][depth_claims.deep(evidence, "blood").verdict] += 1
    return counts


# Theta's mean over configurations, its spread over seeds, and which verdict each claim must not
# reach: supported where it is false, not supported where it is true.
DEPTHS = (
    ("has never moved", (0.5, 0.5), 0.002, {"near uniform": SUPPORTED, "deep": SUPPORTED}),
    ("uniform, moved", (0.5, 0.5), 0.02, {"near uniform": NOT_SUPPORTED, "deep": SUPPORTED}),
    ("deep by .15", (0.35, 0.65), 0.05, {"near uniform": SUPPORTED, "deep": NOT_SUPPORTED}),
    ("deep by .0501", (0.4499, 0.5501), 0.02, {"near uniform": SUPPORTED, "deep": NOT_SUPPORTED}),
    ("deep by .0499", (0.4501, 0.5499), 0.02, {"near uniform": NOT_SUPPORTED, "deep": SUPPORTED}),
)


def _row(
    claim: str, truth: str, wrong: str, size: tuple[int, float] | None, counts: Counter[str]
) -> Row:
    return {
        "claim": claim, "truth": truth, "wrong": wrong, "seeds": size and size[0],
        "ratio": size and size[1], "verdicts": dict(sorted(counts.items())),
    }  # fmt: skip


def measured(claims: Sequence[str], n_studies: int) -> Iterator[list[Row]]:
    """The rows of each truth; no claims: of all."""
    for scenario in scenarios():
        if not claims or scenario.claim in claims:
            yield [
                _row(scenario.claim, scenario.truth, scenario.wrong, size,
                     judged(scenario, *size, n_studies))
                for size in SIZES
            ]  # fmt: skip
    for truth, shares, spread, wrong in DEPTHS if not claims or "depth" in claims else ():
        found = depth_verdicts(shares, spread, n_studies)
        yield [
            _row(f"depth: {name}", truth, wrong[name], None, counts)
            for name, counts in found.items()
        ]


def table(rows: Sequence[Row]) -> str:
    """The record as a page: a line per claim and truth, with shares of verdicts by size."""
    sizes = "; ".join(f"{seeds} seeds, ratio {ratio:g}" for seeds, ratio in SIZES)
    lines = [
        "# How often a claim is judged wrongly\n",
        "By `python -m perf.claim_errors`, from `errors.json`; what is simulated is in the",
        f"[page of claims](../claims.md). Shares of studies, by size: {sizes}.\n",
        "| claim | truth | studies | wrong verdict | right verdict | undecided |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    cases: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        cases.setdefault((row["claim"], row["truth"]), []).append(row)
    for (claim, truth), of_case in cases.items():
        studies = sorted({sum(row["verdicts"].values()) for row in of_case})
        wrong = of_case[0]["wrong"]
        right = SUPPORTED if wrong == NOT_SUPPORTED else NOT_SUPPORTED
        cells = [_by_size(of_case, verdict) for verdict in (wrong, right, UNDECIDED)]
        lines.append(
            f"| {claim} | {truth} | {', '.join(map(str, studies))} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def _by_size(rows: Sequence[Row], verdict: str) -> str:
    shares = (row["verdicts"].get(verdict, 0) / sum(row["verdicts"].values()) for row in rows)
    return "; ".join(f"{share:.2f}" for share in shares)


def read(path: Path) -> list[Row]:
    """The rows of the record; none if there is none yet."""
    return json.loads(path.read_text()) if path.exists() else []


def written(old: Sequence[Row], new: Sequence[Row], out: Path) -> list[Row]:
    """Record and page with these rows in the place of older ones of the same claim and truth."""
    again = {(row["claim"], row["truth"]) for row in new}
    kept = [row for row in old if (row["claim"], row["truth"]) not in again]
    rows = sorted([*kept, *new], key=lambda row: (row["claim"], row["truth"]))
    out.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row) for row in rows)
    (out / RECORD).write_text(f"[\n{lines}\n]\n")
    (out / PAGE).write_text(table(rows))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the claims asked for, and write what is known of all."""
    parser = argparse.ArgumentParser(prog="perf.claim_errors")
    parser.add_argument("--studies", type=int, default=400, help="simulated studies per row")
    parser.add_argument("--claims", nargs="+", default=[], help="which (default: all, and depth)")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/claims"), help="folder of the record"
    )
    options = parser.parse_args(argv)
    rows = read(options.out / RECORD)
    for found in measured(options.claims, options.studies):
        rows = written(rows, found, options.out)
        for row in found:
            sys.stderr.write(f"{row}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
