"""Export a trained network: `python -m bench.export`, see `bench.deploy.export`."""

from bench.console import command
from bench.deploy.export.__main__ import main

if __name__ == "__main__":
    command.run(main)
