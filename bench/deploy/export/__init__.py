"""A trained network as files that run without this project: `python -m bench.export`.

Nothing heavy is imported here, so that `python -m bench.export -h` is instant.
"""
