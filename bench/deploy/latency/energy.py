"""The energy counters of the processor, where the kernel shows them.

Linux shows RAPL (Intel, and AMD since Zen) below /sys/class/powercap as counters in microjoules.
That is the meter: it is in the processor, and the kernel keeps it. Virtual machines have none, and
reading it takes rights (root, since CVE-2020-8694).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True, kw_only=True)
class Counter:
    """One package's counter."""

    path: Path
    wraps_at: int

    def read(self) -> int:
        """Microjoules since some start; begins anew after ``wraps_at``."""
        return int(self.path.read_text())


@dataclass(frozen=True, kw_only=True)
class Meter:
    """All packages (sockets) of the machine together: what else runs on it is counted too."""

    counters: Sequence[Counter]

    def read(self) -> list[int]:
        """All counters."""
        return [counter.read() for counter in self.counters]

    def joules(self, before: Sequence[int], after: Sequence[int]) -> float:
        """Energy between two readings, less than a full turn of a counter apart."""
        turns = zip(self.counters, before, after, strict=True)
        return sum((end - start) % counter.wraps_at for counter, start, end in turns) / 1e6


def meter(powercap: Path = POWERCAP) -> Meter | None:
    """The machine's meter; None where it gives none or we may not read it."""
    counters = []
    for zone in sorted(powercap.glob("intel-rapl:*")):
        try:
            # Packages alone: their cores and memory are zones below them, counted in them or apart.
            if not (zone / "name").read_text().startswith("package"):
                continue
            counter = Counter(
                path=zone / "energy_uj",
                wraps_at=int((zone / "max_energy_range_uj").read_text()) + 1,
            )
            counter.read()
        except (OSError, ValueError):
            return None
        counters.append(counter)
    return Meter(counters=counters) if counters else None
