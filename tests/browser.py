"""The browser that tests drive: Debian's or Google's Chromium, without which they are skipped, and in CI fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync""".split()


@contextmanager
def chromium() -> Iterator[Browser]:
    """An open browser; where there is none, the test is skipped, and fails in continuous integration."""
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield opened
        finally:
            opened.close()


def screenshot(page: Page, name: str) -> None:
    """Keep a picture of the page where FLAMINGO_SCREENSHOTS names a folder."""
    folder = os.environ.get("FLAMINGO_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder, f"{name}.png"))
