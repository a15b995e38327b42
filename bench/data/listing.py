"""The table of datasets as text: `python -m bench.compare --list-datasets`."""

from bench.data.medmnist_rows import MULTI_LABEL, info_table
from bench.data.row import DatasetRow
from bench.data.table import DATASETS


def listing() -> str:
    """One line per dataset: name, task, pixels a side, backbone, licence; then its classes."""
    heads = ("name", "task", "size", "backbone", "licence")
    rows = [heads, *map(_cells, DATASETS.values())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    n_labels = len(info_table()[f"{MULTI_LABEL}mnist"]["label"])
    lines += [
        "",
        f"{MULTI_LABEL} (ChestMNIST) is not supported: its {n_labels} findings are multi-label.",
        "Your own data: --datasets ./folder or file.npz with --task.",
        "",
        "classes by label:",
        *_classes(),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: DatasetRow) -> tuple[str, ...]:
    low, high = row.target_range or (0, 0)
    task = f"{row.n_classes} classes" if row.n_classes else f"regression of {low:g}..{high:g}"
    licence = row.citation.partition(";")[0]
    return row.name, task, f"{row.size} x {row.size}", row.backbone, licence


def _classes() -> list[str]:
    seen: dict[tuple[str, ...], list[str]] = {}
    for row in DATASETS.values():
        if row.class_names:
            seen.setdefault(row.class_names, []).append(row.name)
    return [
        f"  {', '.join(name for name in names if '_' not in name)}: "
        + "; ".join(f"{label} {name}" for label, name in enumerate(classes))
        for classes, names in seen.items()
    ]
