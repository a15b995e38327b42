"""What the benchmark does on a GPU, in one command of a few minutes: `python -m perf.gpu`."""
