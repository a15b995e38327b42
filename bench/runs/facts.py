"""The facts of a dataset for its records."""

import math

from bench.data.dataset import Dataset
from bench.data.inspection import duplicates, flags
from bench.data.row import DatasetRow
from bench.metrics.calibration import LOG_TEMPERATURE_RANGE
from bench.records.schema import DatasetFacts
from bench.shift import corrupted_sets


def dataset_facts(dataset: Dataset, row: DatasetRow, temperature: float) -> DatasetFacts:
    """The facts of a loaded dataset, and flags of it and of the temperature fitted on it."""
    return DatasetFacts(
        name=dataset.name,
        task=dataset.task,
        n_classes=dataset.n_classes,
        shape=dataset.image_shape,
        sizes={
            "train": len(dataset.train.y_B),
            "val": len(dataset.val.y_B),
            "test": len(dataset.test.y_B),
        },
        shift_images=len(dataset.shift_test.y_B),
        target_range=dataset.target_range,
        fingerprint=dataset.fingerprint,
        # Two records compare under shift only if their images were corrupted alike.
        corruptions=list(
            dataset.shift.identity if dataset.shift else corrupted_sets.code_identity()
        ),
        augment=row.augment,
        class_names=list(dataset.class_names) or None,
        duplicates=duplicates(dataset),
        drop_duplicates=row.drop_duplicates,
        resize=row.resize,
        flags=[*flags(dataset), *temperature_flags(dataset, temperature)],
    )


def temperature_flags(dataset: Dataset, temperature: float) -> list[str]:
    """A sentence where the temperature of logits lies at a bound of its range.

    Near-uniform probabilities are calibrated where accuracy is near chance: an ECE at such a
    temperature is no merit of the network.
    """
    if not dataset.n_classes or abs(math.log(temperature)) < LOG_TEMPERATURE_RANGE[1] - 0.01:
        return []
    return [f"the temperature {temperature:.4g} is at a bound: metrics with it mean little"]
