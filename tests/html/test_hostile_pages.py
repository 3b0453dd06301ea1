"""Hostile text on every page, in a real browser: nothing runs, nothing is asked for, nothing leaves; it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.html.hostile_pages import HOSTILE, PAGES, page_modules

LOOK = """() => {
  const all = [...document.querySelectorAll('*')];
  const named = all.flatMap(node => [...node.attributes].map(one => [node.tagName, one.name, one.value]));
  return {
    handlers: named.filter(([, name]) => name.startsWith('on')),
    addresses: named.filter(([, name, value]) =>
      ['href', 'src', 'action', 'srcdoc'].includes(name) && !/^(data:image|notebooks|a\\.|$)/.test(value)),
    foreign: all.map(node => node.tagName).filter(tag => ['IFRAME', 'BASE', 'LINK', 'OBJECT', 'EMBED'].includes(tag)),
    hacked: window.hacked === undefined ? null : String(window.hacked),
    text: document.body.textContent,
  };
}"""


def test_every_module_that_shows_a_page_is_in_the_registry():
    assert {module for _, modules in PAGES.values() for module in modules} == page_modules()


@pytest.mark.parametrize("name", PAGES)
def test_whole_pages_bring_a_policy(name, tmp_path):
    made = PAGES[name][0](tmp_path)
    if made.startswith("<!doctype html>"):
        assert "Content-Security-Policy" in made and "default-src &#x27;none&#x27;" in made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.browser
@pytest.mark.parametrize("policy", [True, False], ids=["with its policy", "its policy passed over"])
@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_runs_nothing_and_reaches_nothing(browser, name, policy, tmp_path: Path):
    made = PAGES[name][0](tmp_path)
    file = tmp_path / "shown.html"
    file.write_text(made if made.startswith("<!doctype") else f"<!doctype html><meta charset=utf-8>{made}", "utf-8")
    context = browser.new_context(bypass_csp=not policy)
    context.set_default_timeout(120_000)
    page, wrong = context.new_page(), []
    page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: wrong.append(request.url) if leaves(request.url, file) else None)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("popup", lambda _: wrong.append("popup"))
    page.goto(file.as_uri())
    page.mouse.move(60, 60)
    page.wait_for_timeout(50)
    seen = page.evaluate(LOOK)
    context.close()
    assert not wrong and seen["hacked"] is None
    assert seen["handlers"] == seen["addresses"] == seen["foreign"] == []
    assert "<script>window.hacked=1</script>" in seen["text"] and "### Human:" in HOSTILE


def leaves(address: str, file: Path) -> bool:
    """Whether a request is for anything but the page itself and what stands in it."""
    return address != file.as_uri() and not address.startswith(("data:", "blob:"))
