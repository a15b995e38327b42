"""The page in a real browser: it loads, its choosers and links work, by keyboard too."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.report.page import SECTIONS

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver"
)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1280,900",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip
PATIENCE_S = 60  # on a busy machine; a test that passes waits for as long as it takes
Browser = webdriver.Chrome


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser: Browser, page_file: Path) -> Browser:
    """The report as it opens, with its first plot drawn."""
    browser.get("about:blank")
    browser.get(page_file.as_uri())
    show(browser, "pareto-plot")
    return browser


def until(browser: Browser, condition: Callable[[Browser], Any]) -> Any:
    return WebDriverWait(browser, PATIENCE_S, poll_frequency=0.1).until(condition)


def show(browser: Browser, plot: str) -> None:
    """Scroll to a plot and wait until Plotly has drawn it."""
    browser.execute_script(f"document.getElementById('{plot}').scrollIntoView()")
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, f"#{plot} .main-svg"))


def log(browser: Browser, kind: str) -> list[dict[str, Any]]:
    return list(browser.get_log(kind))  # type: ignore[no-untyped-call]


def _found(place: tuple[str, str], browser: Browser) -> list[WebElement]:
    return browser.find_elements(*place)


def script(browser: Browser, code: str, *arguments: Any) -> Any:
    return browser.execute_script(f"return {code}", *arguments)


def choose(browser: Browser, name: str, value: str, section: str = "pareto") -> None:
    selector = (
        f"select[name='{name}']" if name == "dataset" else f"#{section} select[name='{name}']"
    )
    Select(browser.find_element(By.CSS_SELECTOR, selector)).select_by_value(value)


def traces(browser: Browser, plot: str = "pareto-plot") -> list[dict[str, Any]]:
    found = script(browser, f"JSON.stringify(document.getElementById('{plot}').data)")
    return list(json.loads(found))


def points(browser: Browser) -> dict[str, tuple[float, float]]:
    """config_id -> (x, y) of the plotted markers."""
    return {
        config_id: (x, y)
        for trace in traces(browser)
        if trace["mode"] == "markers"
        for config_id, x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True)
    }


def configurations(shown: Any, dataset: str) -> list[dict[str, Any]]:
    return list(shown.data["datasets"][dataset]["configurations"])


def value_of(shown: Any, dataset: str, row: dict[str, Any], key: str, split: str) -> float:
    keys = [metric["key"] for metric in shown.data["datasets"][dataset]["metrics"]]
    return float(row["values"][split][keys.index(key)])


def test_it_loads_without_errors_and_asks_for_nothing(browser: Browser, page_file: Path) -> None:
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        log(browser, kind)
    browser.get(page_file.as_uri())
    for plot in ("pareto-plot", "heatmap-plot", "shift-plot"):
        show(browser, plot)
    for panels in ("depth-plots", "reliability-plots"):
        script(browser, f"document.getElementById('{panels}').scrollIntoView()")
        drawn = (By.CSS_SELECTOR, f"#{panels} .main-svg")
        until(browser, partial(_found, drawn))
    assert log(browser, "browser") == []
    assert trace_types_changed(browser) == []
    messages = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    asked = {
        m["params"]["request"]["url"]
        for m in messages
        if m["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith(("data:", "blob:", "about:"))} == {
        page_file.as_uri()
    }


def trace_types_changed(browser: Browser) -> list[Any]:
    """What the bundle of Plotly lacks would be drawn as something else."""
    all_plots = "[...document.querySelectorAll('.js-plotly-plot')]"
    pairs = script(
        browser,
        f"{all_plots}.flatMap((p) => p.data.map((asked, i) => [asked.type, p._fullData[i].type]))",
    )
    assert {asked for asked, _ in pairs} == {"scatter", "heatmap"}
    return [pair for pair in pairs if pair[0] != pair[1]]


def test_text_and_tables_are_there_before_plotly_is(browser: Browser, page_file: Path) -> None:
    """Its script is text until the page has been painted, or a plot is needed."""
    watch = """addEventListener("DOMContentLoaded", () => { window.early = {
        plotly: typeof Plotly, rows: document.querySelectorAll("#leaderboards td").length,
        options: document.querySelectorAll("#pareto select[name='x'] option").length }; });"""
    asked = "Page.addScriptToEvaluateOnNewDocument"
    added = browser.execute_cdp_cmd(asked, {"source": watch})
    try:
        browser.get("about:blank")
        browser.get(page_file.as_uri())
        until(browser, lambda b: script(b, "window.early || null") is not None)
        early = script(browser, "window.early")
        assert early["plotly"] == "undefined"
        assert early["rows"] > 20
        assert early["options"] > 10
        until(browser, lambda b: script(b, "typeof Plotly") == "object")
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_the_plot_shows_every_configuration_at_its_values(opened: Browser, shown: Any) -> None:
    expected = {
        row["id"]: (row["flops"], value_of(shown, "pneumonia", row, "accuracy", "test"))
        for row in configurations(shown, "pneumonia")
    }
    assert points(opened) == expected


def test_choosers_change_the_plot(opened: Browser, shown: Any) -> None:
    choose(opened, "x", "nll")
    choose(opened, "y", "ece")
    choose(opened, "split", "ood")
    expected = {
        row["id"]: tuple(value_of(shown, "pneumonia", row, key, "ood") for key in ("nll", "ece"))
        for row in configurations(shown, "pneumonia")
    }
    assert points(opened) == expected
    layout = "document.getElementById('pareto-plot').layout"
    titles = [script(opened, f"{layout}.{axis}.title.text") for axis in ("xaxis", "yaxis")]
    assert titles == ["NLL (nats) ↓", "ECE ↓"]


def test_another_dataset_brings_its_own_metrics(opened: Browser, shown: Any) -> None:
    choose(opened, "dataset", "retina")
    expected = {
        row["id"]: (row["flops"], value_of(shown, "retina", row, "mse", "test"))
        for row in configurations(shown, "retina")
    }
    assert points(opened) == expected
    visible = opened.find_elements(By.CSS_SELECTOR, "[data-when-dataset]")
    shown_for = {e.get_attribute("data-when-dataset") for e in visible if e.is_displayed()}
    assert shown_for == {"retina"}


def test_categories_can_be_hidden_by_keyboard(opened: Browser, shown: Any) -> None:
    box = opened.find_element(By.CSS_SELECTOR, "#pareto input[value='MIMO']")
    box.send_keys(Keys.SPACE)
    left = {row["id"] for row in configurations(shown, "pneumonia") if row["category"] != "MIMO"}
    assert set(points(opened)) == left
    assert opened.switch_to.active_element.get_attribute("value") == "MIMO"
    rows = opened.find_elements(By.CSS_SELECTOR, "#points tbody tr")
    assert len(rows) == len(left)


def marker(browser: Browser, config_id: str) -> WebElement:
    for i, trace in enumerate(t for t in traces(browser) if t["mode"] == "markers"):
        if config_id in trace["customdata"]:
            drawn = browser.find_elements(By.CSS_SELECTOR, "#pareto-plot .scatterlayer .trace")
            place = trace["customdata"].index(config_id)
            found: WebElement = drawn[i].find_elements(By.CSS_SELECTOR, ".point")[place]
            return found
    raise AssertionError(config_id)


def heading(browser: Browser) -> str:
    found = until(browser, lambda b: b.find_elements(By.ID, "configuration-heading"))
    return str(found[0].text)


def test_a_click_on_a_point_opens_its_configuration(opened: Browser, shown: Any) -> None:
    row = next(r for r in configurations(shown, "pneumonia") if r["category"] == "MIMO")
    point = marker(opened, row["id"])
    script(opened, "arguments[0].scrollIntoView({block: 'center'})", point)
    webdriver.ActionChains(opened).move_to_element(point).pause(0.3).perform()
    hover = until(opened, lambda b: b.find_elements(By.CSS_SELECTOR, "#pareto-plot .hovertext"))
    assert "MIMO" in hover[0].text
    assert row["label"] in hover[0].text
    webdriver.ActionChains(opened).move_to_element(point).click().perform()
    assert heading(opened) == f"MIMO: {row['label']}"
    assert opened.current_url.endswith(f"#config={row['id']}")


def test_a_configurations_page_has_all_of_its_parts(
    browser: Browser, page_file: Path, shown: Any
) -> None:
    """Opened by its address, as from a bookmark."""
    row = next(r for r in configurations(shown, "retina") if r["category"] == "NN Ensemble")
    browser.get("about:blank")
    browser.get(f"{page_file.as_uri()}#config={row['id']}")
    assert heading(browser) == f"NN Ensemble: {row['label']}"
    article = browser.find_element(By.ID, "configuration")
    assert row["command"] in article.text
    assert "2 of 2 seeds" in article.text
    assert "gaussian noise" in article.text
    assert "network.backbone.stem" in article.text
    assert "no distribution over exits" in article.text
    assert not browser.find_element(By.ID, "report").is_displayed()
    assert script(browser, "choices.dataset") == "retina"
    assert browser.find_elements(By.CSS_SELECTOR, "#configuration-cost .main-svg")
    assert browser.switch_to.active_element.get_attribute("id") == "configuration-heading"


def test_a_link_of_the_table_opens_and_back_returns_to_it(opened: Browser) -> None:
    link = until(opened, lambda b: b.find_elements(By.CSS_SELECTOR, "#points a"))[0]
    target = link.get_attribute("href")
    link.send_keys(Keys.ENTER)
    assert opened.current_url == target
    heading(opened)
    opened.back()
    until(opened, lambda b: b.find_element(By.ID, "report").is_displayed())
    assert not opened.find_element(By.ID, "configuration").is_displayed()
    assert opened.switch_to.active_element.get_attribute("href") == target


def column(browser: Browser, place: int) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, f"#points tbody tr > :nth-child({place})")
    return [str(cell.get_attribute("data-value")) for cell in cells]


def test_a_head_of_the_table_sorts_it(opened: Browser) -> None:
    head = until(opened, lambda b: b.find_elements(By.CSS_SELECTOR, "#points thead button"))[4]
    for order, backwards in (("ascending", False), ("descending", True)):
        head.send_keys(Keys.ENTER)
        values = [float(value) for value in column(opened, 5)]
        assert values == sorted(values, reverse=backwards)
        sorts = opened.find_elements(By.CSS_SELECTOR, f"#points th[aria-sort='{order}']")
        assert len(sorts) == 1


def test_leaderboards_follow_their_choosers(opened: Browser) -> None:
    choose(opened, "board", "ood", "leaderboards")
    choose(opened, "view", "NN Ensemble", "leaderboards")
    tables = opened.find_elements(By.CSS_SELECTOR, "#leaderboards .scroll")
    (visible,) = [table for table in tables if table.is_displayed()]
    assert (
        visible.get_attribute("aria-label") == "Under shift of pneumonia, difference to NN Ensemble"
    )


def test_the_theme_is_the_systems_until_it_is_chosen(opened: Browser) -> None:
    def background() -> str:
        return str(script(opened, "getComputedStyle(document.body).backgroundColor"))

    for scheme, color in (("dark", "rgb(20, 23, 28)"), ("light", "rgb(255, 255, 255)")):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        assert background() == color
    standard = "DATA.styles['Standard NN'][currentTheme()]"
    assert script(opened, standard) == "#000000"
    opened.find_element(By.ID, "theme").send_keys(Keys.ENTER)
    assert background() == "rgb(20, 23, 28)"
    colors = {
        trace["name"]: trace["marker"]["color"] for trace in traces(opened) if "name" in trace
    }
    assert colors["Standard NN"] == script(opened, standard) == "#FFFFFF"
    opened.find_element(By.ID, "theme").send_keys(Keys.ENTER)


def test_on_a_phone_only_tables_scroll_sideways(opened: Browser) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        until(opened, lambda b: script(b, "innerWidth") == 390)
        deadline = time.monotonic() + PATIENCE_S
        while script(opened, "document.documentElement.scrollWidth") > 390:
            assert time.monotonic() < deadline, "the page is wider than a phone"
        width = "document.querySelector('#leaderboards .scroll:not([hidden] *)')"
        assert script(opened, f"{width}.scrollWidth > {width}.clientWidth")
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_section_can_be_reached_from_a_configuration(opened: Browser, shown: Any) -> None:
    row = configurations(shown, "pneumonia")[0]
    script(opened, f"openConfiguration('{row['id']}')")
    heading(opened)
    anchor, _ = SECTIONS[-1]
    opened.find_element(By.CSS_SELECTOR, f"nav a[href='#{anchor}']").click()
    until(opened, lambda b: b.find_element(By.ID, anchor).is_displayed())
    assert not opened.find_element(By.ID, "configuration").is_displayed()
