"""A search by hand: a journal of trials and the records beside it; the objectives are known."""

from collections.abc import Sequence
from pathlib import Path

from made_records import failed, made
from optuna.distributions import FloatDistribution

from bench.records import measurements
from bench.records.costs import COSTS
from bench.records.schema import FinishedRun, Record
from bench.records.store import Store, search_folder
from bench.search.history import CORE_SECONDS, open_history
from bench.search.objectives import objectives_for

# Values of accuracy, F1, NLL, ECE, CC-ECE, FLOPs, parameters.
BEST, MIDDLE, WORST = (
    (0.9, 0.9, 0.1, 0.01, 0.02, 1e3, 1e2),
    (0.8, 0.8, 0.2, 0.02, 0.03, 1e4, 1e3),
    (0.7, 0.7, 0.3, 0.03, 0.04, 1e5, 1e4),
)
# (run, values or None for a failed trial, core-seconds)
Trial = tuple[str, Sequence[float] | None, float]


def write_search(
    results: Path,
    method: str,
    trials: Sequence[Trial],
    *,
    seed: int = 0,
    costs: Sequence[str] = COSTS,
) -> None:
    """A search of digits by one method, in the order of the trials."""
    store = Store(search_folder(results))
    objectives = objectives_for("classification", costs)
    facts = {
        "dataset": "digits", "method": method, "sampler": "botorch",
        "objectives": [objective.key for objective in objectives],
    }  # fmt: skip
    directions = [objective.direction for objective in objectives]
    with open_history(
        store.root, f"digits-{method}-{seed}", directions=directions, storage=None, facts=facts
    ) as history:
        for number, (run, values, seconds) in enumerate(trials):
            record = store.load(f"digits-{method}-{run}-s0")
            if record is None:
                record = store.save(_record(method, run, values, seconds), {})
            if values is not None and "eager_latency_ms" in costs:
                times = {"eager": {"latency_ms": [values[-1], None, None]}}
                measured = {"run_id": record.run_id, "machine": {"cpu": "Abacus"}, "network": {}}
                measurements.save(store.root, {**measured, "timings": times})
            trial_facts: dict[str, object] = {"run_id": record.run_id}
            if isinstance(record, FinishedRun):
                trial_facts[CORE_SECONDS] = record.timings.cpu_s
            if isinstance(record, FinishedRun) and set(costs) != set(COSTS):
                others = {key: getattr(record.cost, key) for key in COSTS if key not in costs}
                trial_facts["other_costs"] = others
            history.append(
                {"x": float(number)}, {"x": FloatDistribution(0, 100)},
                values=values, facts=trial_facts,
            )  # fmt: skip


def _record(method: str, run: str, values: Sequence[float] | None, seconds: float) -> Record:
    record = {
        "config_id": run, "category": method, "label": run,
        "stage": "search",
        "config": {
            "dataset": "digits", "seed": 0, "training": {},
            "method": {"name": method, "settings": {}},
            "backbone": {"name": "fc", "settings": {}},
        },
    }  # fmt: skip
    if values is None:
        return failed({**record, "error": {"type": "E", "message": "m"}})
    keys = [objective.key for objective in objectives_for("classification")]
    metrics = dict(zip(keys, values, strict=True))
    return made({
        **record,
        "metrics": {"val": {key: metrics[key] for key in keys[:-2]}},
        "cost": {"flops": int(metrics["flops"]), "params": int(metrics["params"])},
        "timings": {
            "train_s": 9.0, "evaluate_s": 9.0, "train_cpu_s": seconds - 0.5, "evaluate_cpu_s": 0.5,
        },
    })  # fmt: skip
