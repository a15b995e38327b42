"""`python -m bench.compare` with two corruptions and the methods of extra_methods/.

Worker processes import the main script too, so what stands at module level holds in them as well.
"""

from pathlib import Path

from bench.compare import main
from bench.console import command
from bench.shift import table as corruptions
from methods import METHODS
from runs.tiny_runs import FEW_CORRUPTIONS

corruptions.CORRUPTIONS = {name: corruptions.CORRUPTIONS[name] for name in FEW_CORRUPTIONS}
for extra in (Path(__file__).parent / "extra_methods").glob("*.py"):
    METHODS.add_file(extra)

if __name__ == "__main__":
    command.run(main)
