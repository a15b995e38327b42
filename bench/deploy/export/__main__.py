"""Export a trained network as files that run without this project: `python -m bench.export`."""

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.console import command
from bench.deploy.export import folder
from bench.errors import UserError
from bench.records.schema import FILES
from bench.records.store import Reader, require_runs

_EXAMPLES = """examples:
  python -m bench.export pneumonia-sae-0ae31a65cec0-s0 --out exported
  python -m bench.export --best nll --max-flops 1e6 --dataset pneumonia --out exported
  python -m bench.export --best ece --method sae --dataset blood --out exported

The folder has network.onnx, network.pt2, weights.safetensors, predict.py, model_card.md and
export.json. It appears only after every file has passed its check on the whole test set.
"""


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "export",
        ("Export the deployed network of a finished run: images in, predictions out."),
        _EXAMPLES,
    )
    add = parser.add_argument
    add("run", nargs="?", metavar="RUN", help="id of the run; or use --best")
    add("--out", type=Path, required=True, metavar="DIR", help="folder to make")
    add("--force", action="store_true", help="replace an export that is there")
    best = parser.add_argument_group("the best run on the validation front, instead of RUN")
    best.add_argument("--best", metavar="METRIC", help="by this validation metric, e.g. nll, ece")
    best.add_argument("--dataset", metavar="NAME", help="needed if there are runs of several")
    best.add_argument("--method", metavar="NAME", help="of this method alone, e.g. sae")
    best.add_argument("--category", metavar="NAME", help="of this category alone, e.g. I/B")
    best.add_argument("--max-flops", type=float, metavar="N", help="largest FLOPs of an image")
    best.add_argument("--max-params", type=float, metavar="N", help="most parameters")
    command.add_results(parser)
    add("--data", type=Path, metavar="FOLDER", help="data folder (SAE_BENCH_DATA, medmnist's)")
    add("--own", metavar="PATH", help="where your own data are, of a run on such")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0: exported and checked; 1: what was exported differs from the record (nothing is left);
        2: bad input.
    """
    options = _parser().parse_args(argv)
    arguments = sys.argv[1:] if argv is None else argv
    typed = shlex.join(["python", "-m", "bench.export", *arguments])
    return command.answer(lambda: _export(options, typed))


def _export(options: argparse.Namespace, command: str) -> int:
    if (options.run is None) == (options.best is None):
        raise UserError("name one run, or a metric with --best")
    require_runs(options.results)

    from bench.deploy.export import choosing

    folder.check_target(options.out, force=options.force)  # before minutes of work
    store = Reader(options.results, checked=FILES)
    record = choosing.named(store, options.run or _best(options))

    # torch is imported from here on: bad input is answered before.
    from bench.deploy.export.check import Differs
    from bench.deploy.export.exporting import export
    from bench.deploy.export.trained import Trained
    from bench.runs.execute import prepare_process

    prepare_process()
    trained = Trained.load(store, record, data=options.data, own=options.own)
    try:
        facts = export(trained, options.results, options.out, force=options.force, command=command)
    except Differs as error:
        sys.stderr.write(f"error: the export is not what was trained: {error}; nothing is left\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in _said(facts, options.out))
    return 0


def _best(options: argparse.Namespace) -> str:
    """The id of the run that --best chooses; it is written out."""
    from bench.deploy.export import choosing
    from bench.records.frames import load_frames

    limits = ("dataset", "method", "category", "max_flops", "max_params")
    wish = choosing.Wish(metric=options.best, **{name: getattr(options, name) for name in limits})
    run_id = choosing.best(load_frames(options.results).runs, wish)
    sys.stdout.write(f"{run_id}\n")
    return run_id


def _said(facts: dict[str, Any], out: Path) -> Iterator[str]:
    """What was written and checked, a line each."""
    for name, file in facts["files"].items():
        yield f"{out / name}: {file['bytes']:,} bytes"
    for name, check in facts["checks"].items():
        if name != "tolerance":
            yield (
                f"checked {name}: {check['test_images']} test images, largest difference "
                f"{check['largest_difference']:.1e}"
            )


if __name__ == "__main__":
    command.run(main)
