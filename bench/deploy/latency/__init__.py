"""The measured speed of deployed networks: `python -m bench.latency`.

Nothing heavy is imported here, so that `python -m bench.latency -h` is instant.
"""
