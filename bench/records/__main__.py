"""Commands on records: `python -m bench.records`."""

from bench import command
from bench.records.merge import main

if __name__ == "__main__":
    command.run(main)
