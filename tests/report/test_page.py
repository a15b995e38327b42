"""The page as a file: whole, self-contained, and safe whatever a record holds."""

import base64
import copy
import hashlib
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from bench.report import page as page_module
from bench.report.build import content
from bench.report.configurations import configurations
from bench.report.leaderboards import leaderboards
from bench.report.page import SECTIONS, Content, render
from bench.report.study import Study
from report.conftest import HOSTILE

# Attributes that make a browser load something.
LOADING = {"src", "srcset", "href", "data", "poster", "action", "formaction", "background"}


class Reader(HTMLParser):
    """Elements in order, the text of scripts, and ids."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    return Reader(page)


def test_nothing_is_loaded_from_anywhere(reader: Reader) -> None:
    loads = [
        (tag, name, value)
        for tag, attributes in reader.elements
        for name, value in attributes.items()
        if name in LOADING and not (tag == "a" and str(value).startswith("#"))
    ]
    assert loads == []
    assert not {tag for tag, _ in reader.elements} & {"link", "img", "iframe", "base", "object"}


def test_styles_load_nothing(page: str) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert not re.search(r"url\(|@import", style)


def test_no_script_runs_but_those_that_the_policy_names(reader: Reader) -> None:
    (policy,) = [
        str(attributes["content"]) for tag, attributes in reader.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip
    assert policy.startswith("default-src 'none'; ")
    allowed = set(re.findall(r"'(sha256-[^']+)'", policy))
    digests = [hashlib.sha256(script.encode()).digest() for script in reader.scripts]
    hashes = [f"sha256-{base64.b64encode(digest).decode()}" for digest in digests]
    kinds = [attributes.get("type") for tag, attributes in reader.elements if tag == "script"]
    assert kinds.count("application/json") == 1
    # The one that is text is run by another, once the page is painted.
    assert kinds.count("text/plain") == 1
    run = {h for h, kind in zip(hashes, kinds, strict=True) if kind != "application/json"}
    assert run == allowed
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert not [
        name for _, attributes in reader.elements for name in attributes if name[:2] == "on"
    ]


def test_hostile_text_of_a_record_stays_text(page: str, reader: Reader) -> None:
    assert HOSTILE not in page
    assert str(html.escape(HOSTILE)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
    assert "b" not in {tag for tag, _ in reader.elements}


def test_hostile_text_within_the_data_stays_text(shown: Content) -> None:
    hostile = replace(shown, data={**shown.data, "title": HOSTILE}, title=HOSTILE)
    reader = Reader(render(hostile))
    (data,) = [script for script in reader.scripts if script.startswith('{"title"')]
    assert json.loads(data)["title"] == HOSTILE
    assert "b" not in {tag for tag, _ in reader.elements}


def test_the_legend_of_reliability_has_what_is_drawn(shown: Content) -> None:
    assert "</svg>under shift</li>" in render(shown)
    data = copy.deepcopy(dict(shown.data))
    for dataset in data["datasets"].values():  # as compact records have it
        for panel in dataset["reliability"]["panels"]:
            panel["series"] = panel["series"][:1]
    clean = render(replace(shown, data=data))
    assert "</svg>clean test set</li>" in clean
    assert "</svg>under shift</li>" not in clean


def test_a_script_that_would_end_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="would end it"):
        page_module._script("'</Script>'")


def test_every_section_is_there_and_linked(reader: Reader) -> None:
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes.get("href") for tag, attributes in reader.elements if tag == "a"}
    for anchor, _ in SECTIONS:
        assert anchor in ids
        assert f"#{anchor}" in links
        assert f"{anchor}-heading" in ids


def test_choosers_have_labels(page: str) -> None:
    body = page.partition('<script type="application/json"')[0]
    labelled = re.findall(r'<label class="chooser">[^<]+\s*<select name=', body)
    assert body.count("<select") == len(labelled) > 8


def test_the_same_records_give_the_same_page(study: Study, shown: Content, page: str) -> None:
    assert render(shown) == page
    assert configurations(study, "retina") == shown.data["datasets"]["retina"]["configurations"]
    again = list(leaderboards(study, "retina"))
    assert again == [board for board in shown.boards if board.dataset == "retina"]


def test_failures_ranks_and_environment_are_in_the_page(page: str) -> None:
    assert "RuntimeError" in page
    assert "abc123" in page
    assert "pneumonia-sae-" in page
    assert "too few" in page.lower() or "Friedman" in page


def test_the_page_opens_with_the_answer_and_ends_with_what_ran(shown: Content) -> None:
    names = [anchor for anchor, _ in SECTIONS]
    assert names[0] == "answer"
    assert names.index("overview") > names.index("claims")
    assert {answer.dataset for answer in shown.answers} == {"pneumonia", "retina"}
    for answer in shown.answers:
        assert answer.sentences[0].startswith("Best within a budget, by lowest validation NLL")


def test_empty_sections_are_absent(study: Study) -> None:
    frames = study.frames
    runs = frames.runs[(frames.runs["category"] == "Standard NN")]
    alone = replace(
        study,
        frames=replace(
            frames,
            runs=runs[runs["split"].isin(["val", "test"])],
            depth=frames.depth.iloc[:0],
            failures=frames.failures.iloc[:0],
        ),
    )
    found = content(alone)
    assert {"heatmap", "depth", "shift", "failures"} <= found.empty
    text = render(found)
    assert 'id="heatmap"' not in text
    assert 'href="#heatmap"' not in text
    assert 'id="answer"' in text
