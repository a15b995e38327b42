"""Measure deployed networks: `python -m bench.latency`, see `bench.deploy.latency`."""

from bench.console import command
from bench.deploy.latency.__main__ import main

if __name__ == "__main__":
    command.run(main)
