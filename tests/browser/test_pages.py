"""Reports in a real browser: nothing goes wrong, nothing is loaded, everything is reached by keyboard and fits.

Debian's Chromium and its driver; `make browser`, which `make test` calls first, installs them where it may. Where there
are none, these tests are skipped, and say so.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from bench.report.page import page_text
from bench.report.results import read_result
from bench.studies.exhibits import FOLDER
from bench.studies.gallery import INDEX
from tests.strategies.results import KINDS, forge, make_results, renamed
from tests.tools.command import ROOT
from tests.unit.test_pictures import NASTY

PHONE, DESKTOP = (390, 844), (1280, 900)
PAGES = (*KINDS, "nasty", "all", "gallery")
TABS_MAX = 600


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of each kind of result, one with nasty names, one of all, and that of the gallery."""
    folder = tmp_path_factory.mktemp("pages")
    make_results(folder)
    forge(folder / "run", folder / "nasty", renamed(f"{NASTY['markup']} {NASTY['right-to-left']} {NASTY['emoji']}"))
    shutil.copy(ROOT / FOLDER / INDEX, folder / "gallery.html")
    for name in (*KINDS, "nasty", "all"):
        some = KINDS if name == "all" else (name,)
        results = [read_result(folder / each, f"r{index}") for index, each in enumerate(some)]
        (folder / f"{name}.html").write_text(page_text(results), "utf-8")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """A browser without a window, and without a network."""
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(found):
        pytest.skip("there is no chromium with a chromedriver here; `make browser` installs them where it may")
    options = webdriver.ChromeOptions()
    options.binary_location = str(found[0])
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))
    yield driver
    driver.quit()


def show(driver: Any, page: Path, size: tuple[int, int], scheme: str = "light", media: str = "screen") -> None:
    """Open a page on a screen of some size, in light or dark."""
    driver.get_log("browser")
    driver.get_log("performance")
    screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    driver.get(page.as_uri())


def errors_of(driver: Any) -> list[str]:
    """Everything that the console has said since the page was opened, up to a word of ours, as it comes in its time."""
    driver.execute_script("console.error('that is all')")
    found: list[str] = []

    def is_all(_: Any) -> bool:
        found.extend(entry["message"] for entry in driver.get_log("browser"))
        return any("that is all" in message for message in found)

    WebDriverWait(driver, 20.0).until(is_all)
    return [message for message in found if "that is all" not in message]


def requests_of(driver: Any) -> list[str]:
    """Everything that was asked for since the page was opened."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_an_error_or_a_request_and_fits(
    browser: Any, pages: Path, name: str, size: tuple[int, int], scheme: str
) -> None:
    page = pages / f"{name}.html"

    show(browser, page, size, scheme)

    assert errors_of(browser) == []
    assert requests_of(browser) == [page.as_uri()]
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    widths = browser.execute_script(
        "return [...document.querySelectorAll('.picture')].map(e => [...e.querySelectorAll('svg')]"
        ".map(s => s.getBoundingClientRect().width).filter(w => w > 0))"
    )
    assert len(widths) >= 3
    assert all(len(shown) == 1 and shown[0] > 250 for shown in widths)


def test_the_search_for_errors_and_requests_finds_some(browser: Any, pages: Path) -> None:
    """Canary, and proof of the policy: what was smuggled in would neither run nor load, and would be heard of."""
    text = (pages / "run.html").read_text("utf-8")
    smuggled = (
        "<script>document.title = 'run'</script><img src='https://example.invalid/x.png'><p style='color: red'>x</p>"
    )
    page = pages / "smuggled.html"
    page.write_text(text.replace("</body>", f"{smuggled}</body>"), "utf-8")

    show(browser, page, DESKTOP)

    errors = errors_of(browser)
    for what in ("Executing inline script", "Applying inline style", "Loading the image"):
        assert sum(what in error for error in errors) == 1, errors
    assert browser.title != "run"
    assert requests_of(browser) != [page.as_uri()]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", [*KINDS, "gallery"])
def test_every_picture_is_reached_by_keyboard_and_has_a_name(
    browser: Any, pages: Path, name: str, size: tuple[int, int]
) -> None:
    show(browser, pages / f"{name}.html", size)
    pictures = browser.execute_script(
        "return [...document.querySelectorAll('.picture')].map((e, i) => { e.dataset.place = i; return i; })"
    )
    reached: dict[int, str] = {}

    for _ in range(TABS_MAX):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        place, label, outline = browser.execute_script(
            "const e = document.activeElement;"
            "return [e.dataset.place, e.getAttribute('aria-label'), getComputedStyle(e).outlineStyle]"
        )
        if place is not None:
            assert outline != "none"
            reached[int(place)] = label
        if len(reached) == len(pictures):
            break

    assert sorted(reached) == pictures
    assert all(reached.values())
    named = browser.execute_script(
        "return [...document.querySelectorAll('.picture svg')].map(e => ['labelledby', 'describedby']"
        ".map(a => document.getElementById(e.getAttribute('aria-' + a)).textContent))"
    )
    assert all(title and description for title, description in named)


def test_the_numbers_of_a_picture_unfold_by_keyboard(browser: Any, pages: Path) -> None:
    show(browser, pages / "run.html", DESKTOP)
    fold = browser.find_element("css selector", "figure details summary")
    browser.execute_script("arguments[0].focus()", fold)

    ActionChains(browser).send_keys(Keys.ENTER).perform()

    assert browser.find_element("css selector", "figure details[open] table").is_displayed()


def test_the_first_key_leads_past_everything_to_the_results(browser: Any, pages: Path) -> None:
    show(browser, pages / "run.html", PHONE)

    ActionChains(browser).send_keys(Keys.TAB).perform()

    assert browser.switch_to.active_element.text == "Skip to the results"


def test_pictures_follow_the_light(browser: Any, pages: Path) -> None:
    """Ground, words and lines of pictures have other colours in the dark; on paper, it is always light."""
    script = (
        "const e = document.querySelector('.picture .wide');"
        "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(e.parentElement).backgroundColor,"
        "getComputedStyle(e.querySelector('[fill=\"#1a1a1a\"]')).fill]"
    )
    seen = {}
    for scheme in ("light", "dark"):
        show(browser, pages / "run.html", DESKTOP, scheme)
        seen[scheme] = browser.execute_script(script)

    assert all(light != dark for light, dark in zip(seen["light"], seen["dark"], strict=True))


def test_on_paper_there_is_nothing_to_scroll(browser: Any, pages: Path) -> None:
    show(browser, pages / "run.html", DESKTOP, media="print")

    hidden = browser.execute_script(
        "return [...document.querySelectorAll('.scroll, .picture, pre')].filter(e => getComputedStyle(e).overflowX"
        " !== 'visible').length"
    )
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]

    assert hidden == 0
    assert len(printed) > 10_000
