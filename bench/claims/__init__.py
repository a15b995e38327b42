"""The paper's statements, each as a test on the records: `python -m bench.claims`.

Nothing heavy is imported here, so that `python -m bench.claims -h` is instant.
"""
