r"""Does SAE's depth distribution learn, and which of its options should be the defaults?

    python -m perf.depth_evidence RECORDS --problems pneumonia,blood --points 2x2,1x4 \
        --variants "default;kl_scale=one,depth_learning_rate=1" --seeds 0,1 [--planted]

Trains what RECORDS does not have yet (a line of JSON per network, each written as it ends), then
prints all of it as a Markdown table. A problem is a dataset with its backbone at the scale of the
quick preset; a point is NxK; a variant lists settings of `sae` (and `train.`) that differ from the
defaults. Judged on validation alone: no network sees a test image.

With ``--planted`` only exit 1 learns the true targets; the others get those of other rows of the
batch. The right depth distribution is then known: all of it on exit 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.row import Augmentation
from bench.data.table import DATASETS
from bench.metrics import table as metrics
from bench.runs.config import RunConfig
from bench.runs.execute import prepare_process
from bench.runs.loaded import load_dataset
from bench.runs.plan import Request, plan
from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import train
from bench.training.predict import examine, predict_split
from methods.core.likelihood import Likelihood, Range
from methods.core.method import Method
from methods.sae import SAESettings

# One width each; epochs, and TinyImageNet's batches, are those of the quick preset.
PROBLEMS = {
    "digits": ("fc.width=32", "fc.depth=4"),
    "pneumonia": ("fc.width=32", "fc.depth=4"),
    "blood": ("vgg.width=8",),
    "retina": ("vit.width=32",),
    "tinyimagenet": ("resnet.width=4",),
}


class Planted(Likelihood):
    """A likelihood under which only exit 1 learns the targets; the others learn random ones."""

    def __init__(self, true: Likelihood) -> None:
        self.task, self._true = true.task, true  # type: ignore[misc]

    @property
    def n_outputs(self) -> int:
        return self._true.n_outputs

    def log_prob(self, outputs_XC: Tensor, y_X: Tensor) -> Tensor:
        """Of outputs (B, N, D, C) with targets (B, N, 1)."""
        y_BND = y_X.expand(outputs_XC.shape[:-1]).clone()
        for exit_ in range(1, y_BND.shape[-1]):
            y_BND[..., exit_] = y_BND[torch.randperm(len(y_BND)), ..., exit_]
        return self._true.log_prob(outputs_XC, y_BND)

    def members(self, outputs_BMC: Tensor) -> Tensor:
        return self._true.members(outputs_BMC)

    def mix(self, outputs_BMC: Tensor, weights_M: Tensor) -> Tensor:
        return self._true.mix(outputs_BMC, weights_M)

    def exported(self, mixed_BC: Tensor, target_range: Range) -> dict[str, Tensor]:
        return self._true.exported(mixed_BC, target_range)

    def mixed(self, exported: Mapping[str, Tensor], target_range: Range) -> Tensor:
        return self._true.mixed(exported, target_range)


def run(config: RunConfig, dataset: Dataset, augment: Augmentation, planted: bool) -> Any:
    """Train one network; what the table reads of it."""
    device = torch.device("cpu")
    method = build(config, dataset)
    true = method.likelihood
    if planted:
        method.likelihood = Planted(true)
    normalise, val = Normalise(dataset, device), Inputs.of(dataset.val, device)

    def validate(method: Method[Any]) -> dict[str, float]:
        return metrics.evaluate(
            predict_split(method, val, normalise, seed=config.seed, purpose="val"), None
        )

    start = time.perf_counter()
    history = train(
        method, Inputs.of(dataset.train, device), normalise, config.training, validate,
        augmentation=augment,
    )  # fmt: skip
    method.likelihood = true
    seconds = round(time.perf_counter() - start, 1)
    found = {"history": msgspec.to_builtins(history), "val": validate(method), "seconds": seconds}
    return found | examine(method, val, normalise)


def wanted(args: argparse.Namespace) -> Iterator[tuple[dict[str, Any], RunConfig]]:
    """The key of each network in the records, and its configuration."""
    cells = itertools.product(args.problems, args.variants, args.points, args.seeds)
    for problem, changed, point, seed in cells:
        n_inputs, n_exits = point.split("x")
        changes = [] if changed == "default" else changed.split(",")
        texts = [
            *PROBLEMS[problem], f"sae.n_inputs={n_inputs}", f"sae.n_exits={n_exits}",
            *(change if change.startswith("train.") else f"sae.{change}" for change in changes),
        ]  # fmt: skip
        request = Request(
            datasets=[problem], methods=["sae"], seeds=[seed], preset="quick", assignments=texts
        )
        (config,) = plan(request)
        key = {
            "problem": problem, "planted": args.planted, "point": point, "seed": seed,
            "config": config.as_dict(),
        }  # fmt: skip
        yield key, config


def variant(config: dict[str, Any]) -> str:
    """What a configuration changes of the defaults of `sae`, N and K apart."""
    defaults = SAESettings().as_dict()
    return (
        ", ".join(
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in config["method"]["settings"].items()
            if name not in {"n_inputs", "n_exits"} and value != defaults[name]
        )
        or "default"
    )


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per problem, point and variant: means over seeds."""
    flat = []
    for row in rows:
        last = row["history"][-1]["diagnostics"]
        theta_D = torch.tensor(last["theta"]).mean(0)
        clipped = [epoch["parts"][0]["clipped"] for epoch in row["history"]]
        flat.append(
            {
                **{name: row[name] for name in ("problem", "planted", "point")},
                "variant": variant(row["config"]),
                "val NLL": row["val"]["nll"],
                "rank": row["exit_set_rank"],
                "|theta-1/D|": float((torch.tensor(last["theta"]) - 1 / len(theta_D)).abs().max()),
                **{f"theta {d}": float(value) for d, value in enumerate(theta_D, start=1)},
                "KL/data": last["depth_kl_gradient"] / max(last["depth_data_gradient"], 1e-12),
                "clipped w": sum(epoch["weights"] for epoch in clipped) / len(clipped),
                "clipped l": sum(epoch["depth_logits"] for epoch in clipped) / len(clipped),
                "s": row["seconds"],
            }
        )
    keys = ["problem", "planted", "point", "variant"]
    grouped = pd.DataFrame(flat).groupby(keys, sort=False)
    means = grouped.mean()
    means.insert(0, "seeds", grouped.size())
    means.insert(2, "sd", grouped["val NLL"].std())
    return means.reset_index()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("records", type=Path, metavar="FOLDER")
    parser.add_argument("--problems", type=lambda text: text.split(","), default=[])
    parser.add_argument("--points", type=lambda text: text.split(","), default=["2x2"])
    parser.add_argument("--variants", type=lambda text: text.split(";"), default=["default"])
    parser.add_argument("--seeds", type=lambda text: [int(w) for w in text.split(",")], default=[0])
    parser.add_argument("--planted", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Run what is missing, and print the table."""
    args = _arguments()
    prepare_process()
    args.records.mkdir(parents=True, exist_ok=True)
    path = args.records / "networks.jsonl"
    rows = [json.loads(line) for line in path.open()] if path.exists() else []
    done = [{name: row[name] for name in ("planted", "config")} for row in rows]
    for key, config in wanted(args):
        if {name: key[name] for name in ("planted", "config")} in done:
            continue
        row = DATASETS[config.dataset]
        dataset = load_dataset(config.dataset, None, args.records / ".cache")
        found = {**key, **run(config, dataset, row.augment, args.planted)}
        rows.append(found)
        with path.open("a") as file:
            print(json.dumps(found), file=file, flush=True)
    if rows:
        print(table(rows).to_markdown(index=False, floatfmt=".3f"))


if __name__ == "__main__":
    main()
