"""One HTML file: templates, styles and scripts inlined; it loads nothing and runs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench.report.answer import Answer
from bench.report.claims import Judged
from bench.report.leaderboards import Board
from bench.report.overview import DatasetOverview, Failure
from bench.report.provenance import Group
from bench.report.rank_rows import Ranks
from bench.report.styles import SERIES, Style
from bench.report.tables import Table

FOLDER = Path(__file__).parent / "page"
SECTIONS = (
    ("answer", "Answer"),
    ("leaderboards", "Leaderboards"),
    ("pareto", "Trade-offs"),
    ("heatmap", "Inputs and exits"),
    ("depth", "Depth preference"),
    ("shift", "Under shift"),
    ("reliability", "Reliability"),
    ("ranks", "Ranks"),
    ("claims", "Claims"),
    ("overview", "What ran"),
    ("failures", "Failures"),
    ("environment", "Environment"),
)
PLOTLY = FOLDER / "vendor" / "plotly-cartesian.min.js"
_STYLES = ("base", "controls", "content")
_EARLY_SCRIPTS = ("theme",)
# In this order: each uses those before it as soon as it is read.
_SCRIPTS = (
    "dom", "choices", "plots", "tables", "budget", "pareto", "heatmap", "depth", "shift",
    "reliability", "configuration", "main",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Content:
    """What the page shows; `build.content` makes it.

    Attributes:
        title, headline: of the page.
        answers: what the page opens with, of each dataset.
        empty: sections that have nothing to show and so are absent.
        datasets: names, in the order of the chooser.
        styles: of all categories, in the order of legends.
        overviews, boards, views, ece_tables, ranks, claims, failures, provenance: what the sections
            of these names show as text and tables.
        data: what the scripts read, JSON-ready; not a number is None.
    """

    title: str
    headline: str
    answers: Sequence[Answer]
    empty: frozenset[str]
    datasets: Sequence[str]
    styles: Mapping[str, Style]
    overviews: Sequence[DatasetOverview]
    boards: Sequence[Board]
    views: Sequence[tuple[str, str]]
    ece_tables: Mapping[str, Table]
    ranks: Ranks
    claims: Sequence[Judged]
    failures: Sequence[Failure]
    provenance: Sequence[Group]
    data: Mapping[str, Any]


def render(content: Content) -> str:
    """The page."""
    early, plotly = _joined("script", _EARLY_SCRIPTS, "js"), PLOTLY.read_text()
    script = _joined("script", _SCRIPTS, "js")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["position"] = lambda names, name: names.index(name)
    return environment.get_template("page.html.j2").render(
        vars(content),
        sections=[section for section in SECTIONS if section[0] not in content.empty],
        policy=_policy([early, plotly, script]),
        style=Markup(_joined("style", _STYLES, "css") + _style_classes(content)),  # noqa: S704 - ours
        early_script=_script(early),
        plotly=_script(plotly),
        script=_script(script),
        data=_json(content.data),
        series=_series(content),
    )


def _series(content: Content) -> list[tuple[str, Style]]:
    """The legend of reliability: compact records have no predictions under shift."""
    panels = [
        panel
        for dataset in content.data["datasets"].values()
        for panel in dataset["reliability"]["panels"]
    ]
    most = max((len(panel["series"]) for panel in panels), default=0)
    return list(zip(("clean test set", "under shift"), SERIES, strict=True))[:most]


def _joined(folder: str, names: Sequence[str], ending: str) -> str:
    return "\n".join((FOLDER / folder / f"{name}.{ending}").read_text() for name in names)


def _script(source: str) -> Markup:
    if "</script" in source.lower():
        raise ValueError("a script holds '</script', which would end it: write it as '<\\/script'")
    return Markup(source)  # noqa: S704 - our own and Plotly's source


def _json(data: Mapping[str, Any]) -> Markup:
    """Data within a script element, where "<" alone could end it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - escaped here


def _policy(scripts: Sequence[str]) -> str:
    """Nothing is loaded from anywhere, and no script runs but these."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        # Plotly sets style attributes, and saves a plot through a blob.
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _style_classes(content: Content) -> str:
    """A class for the colours of each category and series."""
    named = {f"style-{i}": style for i, style in enumerate(content.styles.values())}
    named |= {f"series-{i}": style for i, style in enumerate(SERIES)}
    return "".join(
        f".{name}{{color:light-dark({style.light},{style.dark})}}\n"
        for name, style in named.items()
    )
