"""The benchmark: plans runs, executes them, keeps their records and draws conclusions."""

__version__ = "0.1.0"
