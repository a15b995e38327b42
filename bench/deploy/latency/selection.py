"""Which runs are measured."""

from collections.abc import Sequence

from bench.deploy.export.choosing import named
from bench.errors import UserError
from bench.records.schema import FinishedRun
from bench.records.store import Reader


def chosen_records(
    store: Reader, run_ids: Sequence[str], dataset: str | None, *, all_seeds: bool
) -> list[FinishedRun]:
    """The records of finished runs that are measured.

    Args:
        store: where they are.
        run_ids: these; none: see the others.
        dataset: runs of this one alone.
        all_seeds: every seed; else the lowest of each configuration and cost. (Which exits SAE
            keeps, and so its cost, is learned: seeds of one configuration may differ in it.)
    """
    if run_ids:
        return [named(store, run_id) for run_id in dict.fromkeys(run_ids)]
    done = list(store.finished())
    names = sorted({record.config.dataset for record in done})
    if dataset is not None:
        done = [record for record in done if record.config.dataset == dataset]
    if not done:
        choices = f"; there are runs of {', '.join(names)}" if names else ""
        raise UserError(f"no finished runs of {dataset or 'any dataset'} in {store.root}{choices}")
    if all_seeds:
        return done
    done.sort(key=lambda record: record.config.seed)
    first: dict[tuple[str, int, int], FinishedRun] = {}
    for record in done:
        key = (record.config_id, record.cost.flops, record.cost.params)
        first.setdefault(key, record)
    return sorted(first.values(), key=lambda record: record.run_id)
