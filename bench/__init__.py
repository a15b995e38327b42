"""The benchmark: plans runs, executes them, keeps their records and draws conclusions."""
