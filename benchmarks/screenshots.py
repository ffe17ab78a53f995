"""Pictures for the README, taken by a real browser.

    python benchmarks/screenshots.py dashboard http://127.0.0.1:8080 char_lm dashboard.png
    python benchmarks/screenshots.py pages http://127.0.0.1:8080 char_lm folder --dark --width 400
    python benchmarks/screenshots.py terminal launch.ansi launch.png --at 0.6

The first opens a study's page in the dashboard that runs at that address. The second takes the list of
studies, and of a study its first page, its note, and a trial with a note, each whole. The third draws what a
terminal showed, here at 60% of its frames, from a file such as
`script -qec 'warmboot launch char_lm' launch.ansi` records. Needs Debian's packages `chromium` and
`chromium-driver`.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import re
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text
from selenium import webdriver
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

WAIT_SECONDS = 30.0
PAGE_SIZE_PIXELS = (1500, 1250)
DRAWING_SECONDS = 2.0  # the plots below the first
PLOT = ".js-plotly-plot .main-svg"

# A note scrolls within the page.
_WHOLE_HEIGHT = """
    const inside = [...document.querySelectorAll("div")].map(e => e.scrollHeight - e.clientHeight);
    return document.documentElement.scrollHeight + Math.max(0, ...inside);
"""
_PROGRAMS = ("chromium", "chromedriver")
_FLAGS = (
    "--headless",
    "--no-sandbox",  # root in a container has none; only pages of our own are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_TOKEN = re.compile(
    r"\x1b\[(\??[0-9;]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()=>][A-Z0-9]?|[\r\n]|[^\r\n\x1b]+"
)
_SCRIPT_LINE = re.compile(r"^Script (?:started|done) on .*\n", re.MULTILINE)
_FONT_FACE = re.compile(r"@font-face\s*{[^}]*}")


def missing_program() -> str | None:
    """The first program that is needed and not installed, or None."""
    return next((name for name in _PROGRAMS if shutil.which(name) is None), None)


@contextmanager
def open_browser(size_pixels: tuple[int, int] = PAGE_SIZE_PIXELS) -> Iterator[WebDriver]:
    """A headless Chromium with a new profile; `get_log("browser")` gives its console."""
    chromium, driver = (shutil.which(name) for name in _PROGRAMS)
    if chromium is None or driver is None:
        raise FileNotFoundError(
            f"{missing_program()} is not installed: apt-get install chromium chromium-driver"
        )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        width, height = size_pixels
        for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            yield browser
        finally:
            browser.quit()


def open_study(browser: WebDriver, url: str, study: str) -> None:
    """Open the page of `study` and wait until its plots are drawn.

    Raises:
        ValueError: The dashboard at `url` has no such study.
    """
    root = url.rstrip("/")
    with urllib.request.urlopen(f"{root}/api/studies", timeout=WAIT_SECONDS) as answer:
        studies = {row["study_name"]: row["study_id"] for row in json.load(answer)["study_summaries"]}
    if study not in studies:
        raise ValueError(f"{root} has no study {study!r}; it has: {', '.join(sorted(studies))}.")
    browser.get(f"{root}/dashboard/studies/{studies[study]}")
    WebDriverWait(browser, WAIT_SECONDS).until(lambda page: page.find_elements(By.CSS_SELECTOR, PLOT))


def page_paths(root: str, study: str) -> dict[str, str]:
    """What is looked at of a study: a name for each page, and its address."""
    with urllib.request.urlopen(f"{root}/api/studies", timeout=WAIT_SECONDS) as answer:
        studies = {row["study_name"]: row["study_id"] for row in json.load(answer)["study_summaries"]}
    number = studies[study]
    with urllib.request.urlopen(f"{root}/api/studies/{number}", timeout=WAIT_SECONDS) as answer:
        trials = json.load(answer)["trials"]
    noted = next((trial["number"] for trial in trials if trial["note"]["body"]), 0)
    pages = {"studies": "", "study": f"/studies/{number}", "note": f"/studies/{number}/note"}
    pages["trial"] = f"/studies/{number}/trials?numbers={noted}"
    return {name: f"{root}/dashboard{path}" for name, path in pages.items()}


def whole_page(browser: WebDriver, *, width: int, dark: bool, url: str, tallest: int = 6000) -> bytes:
    """A page at that width and in that scheme of colours, from top to bottom, as a PNG."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(url)
    time.sleep(DRAWING_SECONDS)
    height = 0
    while height != (now := int(browser.execute_script(_WHOLE_HEIGHT))):  # until nothing more comes
        height = now
        time.sleep(DRAWING_SECONDS)
    tall = min(max(900, height), tallest)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "height": tall})
    time.sleep(DRAWING_SECONDS)
    return base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {})["data"])


def wait_for_text(browser: WebDriver, text: str) -> None:
    """Wait until the page shows `text`."""
    body = (By.TAG_NAME, "body")
    WebDriverWait(browser, WAIT_SECONDS).until(expected_conditions.text_to_be_present_in_element(body, text))


def terminal_frames(recording: str) -> list[str]:
    """What a terminal showed: one text for each time that the program began to redraw, and the end.

    Knows what line-wise live displays use: colours (kept as they are), new lines, carriage returns,
    cursor up and erase line.

    >>> terminal_frames("1 of 2\\n\\x1b[1A\\x1b[2K2 of 2\\n")
    ['1 of 2', '2 of 2']
    """
    lines, row, at_line_start, changed = [""], 0, True, False
    frames: list[str] = []
    for token in _TOKEN.finditer(recording):
        text, argument, code = token[0], token[1], token[2]
        if code in ("A", "K"):
            if changed:
                frames.append("\n".join(lines).rstrip())
            changed = False
            if code == "K":
                lines[row] = ""
            row -= min(row, int(argument or 1)) if code == "A" else 0
        elif text in ("\r", "\n"):
            at_line_start = True
            row += text == "\n"
            lines += [""] * (row + 1 - len(lines))
        elif code == "m" or not text.startswith("\x1b"):
            lines[row] = text if at_line_start else lines[row] + text
            at_line_start, changed = False, True
    return [*frames, "\n".join(lines).rstrip()]


def terminal_svg(frame: str, title: str) -> str:
    """Draw ANSI text as a terminal window, in whatever monospaced font the browser has."""
    text = Text.from_ansi(frame)
    width = max((line.cell_len for line in text.split()), default=1)
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(text, soft_wrap=True)
    return _FONT_FACE.sub("", console.export_svg(title=title))  # its web fonts need a network


def save_svg(svg: str, target: Path) -> None:
    """Render an SVG to a PNG."""
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        page = Path(folder, "picture.html")
        page.write_text(f"<!doctype html><meta charset=utf-8><body style='margin:0'>{svg}")
        browser.get(page.as_uri())
        picture = browser.find_element(By.TAG_NAME, "svg")
        browser.set_window_size(picture.size["width"] + 50, picture.size["height"] + 250)
        _write(target, picture.screenshot_as_png)


def _write(target: Path, png: bytes) -> None:
    target.write_bytes(png)
    print(f"{target}: {len(png):,} bytes")


def _dashboard(arguments: argparse.Namespace) -> None:
    with open_browser() as browser:
        open_study(browser, arguments.url, arguments.study)
        time.sleep(DRAWING_SECONDS)
        _write(arguments.out, browser.get_screenshot_as_png())


def _pages(arguments: argparse.Namespace) -> None:
    arguments.out.mkdir(parents=True, exist_ok=True)
    scheme = "dark" if arguments.dark else "light"
    with open_browser() as browser:
        for name, url in page_paths(arguments.url.rstrip("/"), arguments.study).items():
            tallest = 1100 if name == "trial" else 6000  # the list of all trials stands beside it
            picture = whole_page(
                browser, width=arguments.width, dark=arguments.dark, url=url, tallest=tallest
            )
            _write(arguments.out / f"{name}-{scheme}-{arguments.width}.png", picture)


def _terminal(arguments: argparse.Namespace) -> None:
    recording = arguments.recording.read_bytes().decode()  # read_text would lose its returns
    frames = terminal_frames(_SCRIPT_LINE.sub("", recording))
    frame = frames[round(arguments.at * (len(frames) - 1))]
    save_svg(terminal_svg(frame, arguments.title), arguments.out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(required=True)
    dashboard = kinds.add_parser("dashboard", help="a study's page in a running dashboard")
    dashboard.add_argument("url")
    dashboard.add_argument("study")
    dashboard.set_defaults(take=_dashboard)
    pages = kinds.add_parser("pages", help="the pages of a study in a running dashboard, each whole")
    pages.add_argument("url")
    pages.add_argument("study")
    pages.add_argument("--dark", action="store_true", help="in the dark scheme of colours")
    pages.add_argument("--width", type=int, default=1280, help="of the window, in pixels")
    pages.set_defaults(take=_pages)
    terminal = kinds.add_parser("terminal", help="a recording of a terminal")
    terminal.add_argument("recording", type=Path)
    terminal.add_argument("--at", type=float, default=1.0, help="which frame, 0 (first) to 1 (last)")
    terminal.add_argument("--title", default="warmboot launch char_lm")
    terminal.set_defaults(take=_terminal)
    for kind in (dashboard, terminal):
        kind.add_argument("out", type=Path, help="the PNG file to write")
    pages.add_argument("out", type=Path, help="the folder to write them to")
    arguments = parser.parse_args()
    arguments.take(arguments)


if __name__ == "__main__":
    main()
