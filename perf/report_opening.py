"""How long a browser takes to open the report of 1,000 runs.

    python -m perf.report_opening [--runs 1000] [--page FILE] [--out docs/report]

Writes opening.md. Each opening is a new browser with an empty profile. Two readers: one looks at
the top of the page, the other jumps to the first plot as soon as there is something to scroll.
Needs chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

from bench.report.build import content
from bench.report.page import render
from bench.report.study import read_study
from perf.synthetic_study import write_study

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1280,900",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
# Notes when the first plot's points are there, and, if asked to, jumps to it once it is parsed.
WATCH = """
addEventListener("DOMContentLoaded", () => {
  if (JUMP) document.getElementById("pareto").scrollIntoView();
});
new MutationObserver((_, observer) => {
  if (!document.querySelector("#pareto-plot .point")) return;
  observer.disconnect();
  requestAnimationFrame(() => { window.plotTime = performance.now(); });
}).observe(document, { childList: true, subtree: true });
"""
TIMES = """
const [page] = performance.getEntriesByType("navigation");
const [paint] = performance.getEntriesByName("first-contentful-paint");
const plotted = arguments[0] ? window.plotTime : window.Plotly;
if (!page.loadEventEnd || !paint || !plotted) return null;
return [paint.startTime, page.loadEventEnd, window.plotTime ?? null];
"""
ROWS = {
    "text painted": "first contentful paint",
    "loaded": "the load event has ended: text, tables and choosers answer",
    "plot": "the first plot's points are drawn, for a reader who jumps to it at once",
    "main thread": "CPU of the main thread until then, with that plot",
}


def opening(page: Path, *, jump: bool) -> dict[str, float]:
    """Seconds of one opening, by row."""
    with tempfile.TemporaryDirectory() as profile:
        browser = _browser(profile)
        try:
            browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            source = f"const JUMP = {str(jump).lower()};{WATCH}"
            browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
            browser.get(page.as_uri())
            wait = WebDriverWait(browser, 120, poll_frequency=0.1)
            painted, loaded, plot = wait.until(lambda b: b.execute_script(TIMES, jump))
            metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        finally:
            browser.quit()
    if not jump:
        return {"text painted": painted / 1000, "loaded": loaded / 1000}
    busy = {entry["name"]: entry["value"] for entry in metrics}["TaskDuration"]
    return {"plot": plot / 1000, "main thread": busy}


def _browser(profile: str) -> webdriver.Chrome:
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        raise SystemExit("needs chromium and chromedriver")
    options = Options()
    options.binary_location = str(programs[0])
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(str(programs[1])))


def measure(page: Path, repeats: int) -> dict[str, list[float]]:
    """All openings, by row."""
    found: dict[str, list[float]] = {name: [] for name in ROWS}
    for _ in range(repeats):
        for name, seconds in (opening(page, jump=False) | opening(page, jump=True)).items():
            found[name].append(seconds)
    return found


def report(found: Mapping[str, Sequence[float]], n_runs: int | None, page: Path) -> str:
    """Markdown: medians, with the fastest and the slowest."""
    what = f"{n_runs:,} synthetic runs" if n_runs else page.name
    head = (
        f"Report of {what}, {page.stat().st_size / 1e6:.1f} MB; median of "
        f"{len(found['loaded'])} openings, seconds. {os.cpu_count()} CPU cores, mean load "
        f"{os.getloadavg()[0]:.1f} while measuring."
    )
    lines = [
        head,
        "",
        "| | median | fastest | slowest | |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, meaning in ROWS.items():
        times = found[name]
        middle, low, high = statistics.median(times), min(times), max(times)
        lines.append(f"| {name} | {middle:.2f} | {low:.2f} | {high:.2f} | {meaning} |")
    return "\n".join(lines) + "\n"


def build(folder: Path, n_runs: int) -> Path:
    """Write the report of a study of so many runs."""
    write_study(folder / "results", n_runs)
    page = folder / "report.html"
    page.write_text(render(content(read_study(folder / "results"))))
    return page


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Seconds until the report is open.")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--page", type=Path, help="open this page instead of making one")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/report"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        page = options.page.absolute() if options.page else build(Path(folder), options.runs)
        found = measure(page, options.repeats)
        text = report(found, None if options.page else options.runs, page)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "opening.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
