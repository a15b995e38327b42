"""The model card of an export, in Markdown. Model cards: Mitchell et al. 2019."""

import json
from html import escape
from pathlib import Path

import jinja2

from bench.deploy.export.facts import Facts

_HEADLINE = {
    "classification": ("accuracy", "f1", "auroc", "nll", "brier"),
    "regression": ("mse", "mae", "nll"),
}
_CALIBRATION = {
    "classification": ("ece", "ece_ts", "cc_ece", "classwise_ece", "adaptive_ece"),
    "regression": ("coverage_error", "coverage_error_ts"),
}


def text(facts: Facts) -> str:
    """The card."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown
    )
    environment.filters["fixed"] = lambda value: "-" if value is None else f"{value:.4f}"
    environment.filters["plain"] = lambda name: escape(name, quote=False)
    task = facts["dataset"]["task"]
    return environment.get_template("model_card.md.j2").render(
        facts=facts,
        headline=_HEADLINE[task],
        calibration=_CALIBRATION[task],
        config=json.dumps(facts["config"], indent=1),
        packages={**facts["trained_in"]["packages"], **facts["exported_in"]["packages"]},
    )
