"""`warmboot report`: one file that needs nothing else, looked at in a real browser."""

from __future__ import annotations

import re

from tests.search_tests.browser import screenshots_module
from tests.search_tests.commands.workplace import Workplace
from tests.search_tests.patience import wait_until


def test_the_report_is_one_file_that_a_browser_draws_alone(finished: Workplace) -> None:
    done = finished.run("report", "small")
    assert "written to small.html" in done.stderr
    file = finished.folder / "small.html"
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text), "nothing is loaded from elsewhere"
    with screenshots_module().open_browser() as browser:
        browser.get(file.as_uri())
        headings = [each.text for each in browser.find_elements("tag name", "h2")]
        assert headings[:3] == ["The schedule", "How to use it", "The verdict"]
        wait_until(lambda: len(browser.find_elements("css selector", ".plot .main-svg")) >= 3)
        answer = browser.find_element("css selector", ".answer").text
        assert answer.startswith(("Use ", "Not shown to be better than "))
        assert "warmboot verdict small settles it" in browser.find_element("tag name", "main").text
        pictures = browser.find_elements("css selector", "[role=img]")
        assert all(each.get_attribute("aria-label") for each in pictures)
        browser.set_window_size(400, 900)
        wait_until(lambda: browser.execute_script("return document.documentElement.scrollWidth") <= 500)
    assert len(text) < 3_000_000


def test_a_study_without_a_result_has_no_report(workplace: Workplace) -> None:
    workplace.write_study()
    workplace.run("launch", "small.toml", "--detach")
    done = workplace.run("report", "small", expect=1)
    assert "no completed trial yet" in done.stderr
    assert not (workplace.folder / "small.html").exists()
