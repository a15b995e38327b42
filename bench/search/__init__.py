"""Multi-objective search of a method's settings on validation data: ``python -m bench.search``."""
