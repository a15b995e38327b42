"""Judge the paper's statements on the records: `python -m bench.claims`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.cli import record_options
from bench.console import command
from bench.errors import unknown
from bench.storage import atomic

_EXAMPLES = """examples:
  python -m bench.claims                               all claims on results/
  python -m bench.claims savings depth-blood           only these two
  python -m bench.claims --results results --out /tmp/claims

Writes claims.md, claims.csv and claims.json. The exit status is 0 whatever the verdicts are.
Each claim and its test are described in docs/claims.md.
"""


def _parser() -> argparse.ArgumentParser:
    description = "Test the paper's statements on the records of finished runs."
    parser = record_options.parser("claims", description, _EXAMPLES)
    parser.add_argument("names", nargs="*", metavar="name", help="claims to judge (default: all)")
    record_options.add_costs(parser)
    parser.add_argument("--out", type=Path, help="folder to write to (default: the results folder)")
    return parser


def _judge(wanted: Sequence[str], *, results: Path, costs: str, out: Path) -> None:
    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.claims import report
    from bench.claims.claim import judge_all
    from bench.claims.evidence import Evidence
    from bench.claims.paper import CLAIMS
    from bench.records.costs import NOTE, SUFFIX, is_paper

    by_name = {claim.name: claim for claim in CLAIMS}
    for name in wanted:
        if name not in by_name:
            raise unknown("claim", name, by_name)
    claims = [by_name[name] for name in wanted or by_name]
    frames = record_options.finished_runs(results, costs=costs)
    judged = list(judge_all(claims, Evidence(frames)))
    stem = f"claims{SUFFIX}" if is_paper(costs) else "claims"
    atomic.folder_to_write(out)
    notes = (*frames.notes, *((NOTE,) if is_paper(costs) else ()))
    texts = {
        "md": report.markdown(judged, notes),
        "csv": report.csv(judged),
        "json": report.to_json(judged),
    }
    for ending, text in texts.items():
        atomic.write_whole(out / f"{stem}.{ending}", text.encode())
    sys.stdout.write("\n\n".join([report.overview(judged), report.LEGEND, *notes, ""]))
    sys.stdout.write(f"details: {out / stem}.md, {stem}.csv, {stem}.json\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the named claims.

    Args:
        argv: Command line without the program's name; None reads sys.argv.

    Returns:
        The exit status: 0, or 2 for an unknown claim, when there are no finished runs, or when the
        folder cannot be written.
    """
    options = _parser().parse_args(argv)
    out = options.out or options.results
    return command.answer(
        lambda: _judge(options.names, results=options.results, costs=options.costs, out=out)
    )


if __name__ == "__main__":
    command.run(main)
