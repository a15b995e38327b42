"""What a plan would run, from what, and about how long it would take: `--plan`. Runs nothing."""

import dataclasses
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import torch

from bench.console.progress import duration
from bench.data.dataset import Dataset, Split
from bench.metrics import table as metrics
from bench.records.store import Reader
from bench.runs.config import RunConfig
from bench.runs.execute import prepare_process
from bench.runs.loaded import dataset_of
from bench.runs.run import build
from bench.runs.settings import SweepSettings
from bench.shift import table as corruptions
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import train
from bench.training.predict import predict_split

LONGEST_PROBE_S = 20.0
"""Configurations beyond that time take the mean of those before."""
_PROBED_IMAGES = 256
_NUMBER = 4  # bytes
_RECORD_BYTES = 30_000  # of record.json


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needs:
    """Seconds on one worker, and bytes, of one run."""

    seconds: float
    n_bytes: float


def forecast(configs: Sequence[RunConfig], sweep: SweepSettings, *, workers: int) -> Iterator[str]:
    """The lines of a plan."""
    store = Reader(sweep.results, checked=())
    there = set(store.run_ids()) & {config.run_id for config in configs}
    missing = [config for config in configs if config.run_id not in there]
    for name in dict.fromkeys(config.dataset for config in configs):
        yield from _of_dataset(name, [c for c in configs if c.dataset == name], there, sweep)
    yield f"{len(configs)} runs, {len(there)} of them already in {sweep.results}"
    if missing:
        needs = _of_records(store)
        needs |= _probes([each for each in missing if each.config_id not in needs], sweep)
        seconds = sum(needs[each.config_id].seconds for each in missing) / max(workers, 1)
        size = sum(needs[each.config_id].n_bytes for each in missing)
        yield (
            f"{len(missing)} to run: about {duration(seconds)} on {max(workers, 1)} worker(s) and "
            f"{size / 1e6:.0f} MB; by runs of other seeds where there are some, else by one step "
            f"and {_PROBED_IMAGES} predictions on this machine. Corrupted sets that are not kept "
            "yet come on top"
        )
    yield "nothing was run"


def _of_dataset(
    name: str, configs: Sequence[RunConfig], there: set[str], sweep: SweepSettings
) -> Iterator[str]:
    dataset = dataset_of(sweep, name)
    sizes = ", ".join(f"{len(split.y_B)} {part}" for part, split in dataset.splits.items())
    shape = "x".join(map(str, dataset.image_shape))
    yield f"{name} ({sweep.row(name).source}): images of {shape}; {sizes}"
    planned = Counter(config.category for config in configs)
    done = Counter(config.category for config in configs if config.run_id in there)
    for category, n_runs in planned.items():
        n_configs = len({c.config_id for c in configs if c.category == category})
        yield f"  {category}: {n_configs} configurations, {n_runs - done[category]} runs to make"


def _of_records(store: Reader) -> dict[str, Needs]:
    """The needs of each configuration that has a finished run, whatever its seed, by id."""
    return {
        record.config_id: Needs(
            seconds=record.timings.train_s + record.timings.evaluate_s,
            n_bytes=sum(path.stat().st_size for path in store.folder(record.run_id).iterdir()),
        )
        for record in store.finished()
    }


def mean_needs(configs: Sequence[RunConfig], sweep: SweepSettings) -> Needs:
    """The mean needs of configurations, by a probe of each."""
    return _mean(list(_probes(configs, sweep).values()))


def _probes(configs: Sequence[RunConfig], sweep: SweepSettings) -> dict[str, Needs]:
    """The needs of each configuration, by its id; of each method some before its others."""
    by_method: dict[str, dict[str, RunConfig]] = {}
    for config in configs:
        by_method.setdefault(config.method, {})[config.config_id] = config
    in_turn = itertools.chain(
        *itertools.zip_longest(*(each.values() for each in by_method.values()))
    )
    prepare_process()
    found: dict[str, Needs] = {}
    start = time.monotonic()
    for config in filter(None, in_turn):
        if time.monotonic() - start > LONGEST_PROBE_S:
            break
        found[config.config_id] = _probe(config, sweep)
    rest = _mean(list(found.values()))
    return {config.config_id: found.get(config.config_id, rest) for config in configs}


def _mean(needs: Sequence[Needs]) -> Needs:
    n = max(len(needs), 1)
    return Needs(
        seconds=sum(each.seconds for each in needs) / n,
        n_bytes=sum(each.n_bytes for each in needs) / n,
    )


def _probe(config: RunConfig, sweep: SweepSettings) -> Needs:
    dataset = dataset_of(sweep, config.dataset)
    device = torch.device(sweep.device)
    method, normalise = build(config, dataset).to(device), Normalise(dataset, device)
    batch = Inputs.of(_first(dataset.train, config.training.batch_size), device)
    once = dataclasses.replace(config.training, epochs=1)

    def step() -> None:
        train(method, batch, normalise, once, lambda _: {"nll": 0.0})

    step()  # the first one makes what the others find
    step_s = _seconds(step)
    some = Inputs.of(_first(dataset.val, _PROBED_IMAGES), device)
    deployed = method.deployed()

    def evaluate() -> None:
        evaluated = predict_split(deployed, some, normalise, seed=0, purpose="val")
        metrics.evaluate(evaluated, 1.0)

    image_s = _seconds(evaluate) / len(some.y_B)
    n_steps = len(dataset.train.y_B) / len(batch.y_B) * config.training.epochs
    n_images = config.training.epochs * len(dataset.val.y_B) + _n_predicted(dataset)
    n_weights = sum(value.numel() for value in method.state_dict().values())
    n_members, n_outputs = len(deployed.weights()), deployed.likelihood.n_outputs
    # Of val and test every member and the mixture, of corrupted images the mixture.
    n_clean = len(dataset.val.y_B) + len(dataset.test.y_B)
    n_shifted = _n_predicted(dataset) - n_clean
    n_numbers = n_weights + n_outputs * (n_clean * (n_members + 1) + n_shifted)
    return Needs(
        seconds=step_s * n_steps + image_s * n_images,
        n_bytes=_NUMBER * n_numbers + _RECORD_BYTES,
    )


def _n_predicted(dataset: Dataset) -> int:
    n_sets = len(corruptions.CORRUPTIONS) * len(corruptions.SEVERITIES)
    return len(dataset.val.y_B) + len(dataset.test.y_B) + n_sets * len(dataset.shift_test.y_B)


def _first(split: Split, n_images: int) -> Split:
    return Split(images_BHWQ=split.images_BHWQ[:n_images], y_B=split.y_B[:n_images])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
