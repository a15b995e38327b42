"""The benchmark from Python: run one network, load results."""
