"""The site: staged links, no warning, no broken link, nothing from outside; opened from the disk in a real browser."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from tests.browser import chromium, screenshot

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "site" / "build.py"
AXE = Path(os.environ.get("FLAMINGO_AXE", ROOT / ".venv/axe/node_modules/axe-core/axe.min.js"))
OPENED = (
    "index.html",
    "notebooks/index.html",
    "notebooks/00_overview.html",
    "docs/method.html",
    "api/flamingo_lib.model.html",
    "CHANGELOG.html",
)


def load_script(name):
    spec = importlib.util.spec_from_file_location(f"site_{name}", SCRIPT.with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load_script("build")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site, built as `make site` does, each warning an error; `FLAMINGO_SITE` names one that is built already."""
    if "FLAMINGO_SITE" in os.environ:
        return Path(os.environ["FLAMINGO_SITE"])
    out = tmp_path_factory.mktemp("built") / "site"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--out", str(out), "--strict"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # by itself it takes less than three minutes; beside other work the same work counts up to twice as many
    assert after.ru_utime - before.ru_utime < 360, "seconds of one core"
    return out


# --- staging


@pytest.mark.parametrize(
    ("text", "folder", "staged"),
    [
        ("[a](docs/method.md#idea)", "", "[a](docs/method.md#idea)"),
        ("[a](../README.md#a-tour)", "docs", "[a](../index.md#a-tour)"),
        ("[notebooks](notebooks)", "", "[notebooks](notebooks/index.md)"),
        ("[solved](solutions/)", "notebooks", "[solved](../notebooks/solutions/index.md)"),
        ("[`x`](flamingo_lib/records.py)", "", "{py:mod}`x <flamingo_lib.records>`"),
        ("[cpu](flamingo_lib/cpu/__init__.py)", "", "{py:mod}`cpu <flamingo_lib.cpu>`"),
        ("[a](examples/add_a_filter.py)", "docs", "[a](examples/add_a_filter.md)"),
        ("[b](benchmarks)", "", "b"),
        ("[w](https://example.org/x.py)", "", "[w](https://example.org/x.py)"),
        ("`[b](benchmarks)`", "", "`[b](benchmarks)`"),
        ("```sh\n[b](benchmarks)\n```\n", "", "```sh\n[b](benchmarks)\n```\n"),
    ],
)
def test_links_are_made_to_fit_the_site(text, folder, staged):
    assert BUILD.staged_text(text, folder) == staged


def test_pictures_come_in_two_themes(tmp_path):
    assert BUILD.staged_text("![x](docs/images/a.svg)", "").count("docs/images/a-") == 2
    (tmp_path / "a.svg").write_text("<style>b{c:d} @media (prefers-color-scheme: dark) { b { c: e } }</style>")
    BUILD.stage_images(tmp_path, tmp_path / "out")
    assert "c: e" not in (tmp_path / "out" / "a-light.svg").read_text()
    dark = (tmp_path / "out" / "a-dark.svg").read_text()
    assert "c: e" in dark and "@media" not in dark


def test_a_run_without_notebooks_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="make pipeline RUN=none"):
        BUILD.stage_notebooks(tmp_path / "out", tmp_path / "none")


def test_executed_notebooks_of_a_run_are_shown(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(ROOT / "notebooks", run / "notebooks")
    first = run / "notebooks" / "00_overview.ipynb"
    notebook = json.loads(first.read_text("utf-8"))
    notebook["cells"][0]["source"] = "# Of the run"
    first.write_text(json.dumps(notebook), "utf-8")
    BUILD.stage_notebooks(tmp_path / "out", run)
    assert "# Of the run" in (tmp_path / "out" / "notebooks" / "00_overview.ipynb").read_text("utf-8")


def test_the_page_of_the_rewriter_holds_it_or_says_what_is_missing(tmp_path, monkeypatch):
    page = tmp_path / "docs" / "browser.md"

    def staged(run):
        shutil.copy(ROOT / "docs" / "browser.md", page)
        BUILD.stage_rewriter(tmp_path, run)
        text = page.read_text("utf-8")
        assert "<!-- rewriter" not in text
        return text

    page.parent.mkdir()
    run, runtime = tmp_path / "run", tmp_path / "dist"
    assert "without a rewriter: no run with one was named" in staged(None)
    assert "without a rewriter: no run with one was named" in staged(run)
    (run / "rewriter" / "model").mkdir(parents=True)
    monkeypatch.setattr(BUILD, "RUNTIME", runtime)
    monkeypatch.setattr(BUILD, "find_spec", lambda name: None)
    assert "the extra `onnx` was not installed" in staged(run)
    monkeypatch.setattr(BUILD, "find_spec", lambda name: name)
    assert "onnxruntime-web was not installed" in staged(run)
    names = ("vision.onnx", "language.onnx", "rewriter.json", "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
    runtime.mkdir()
    [(runtime / name).write_bytes(b"x" * 99) for name in names]
    monkeypatch.setattr(BUILD, "exported", lambda run: runtime)
    text = staged(run)
    assert 'data-assets="../rewriter/"' in text and "without a rewriter" not in text
    assert len(list((tmp_path / "rewriter").iterdir())) == 5


def test_examples_of_the_rewriter_ask_each_type_once():
    found = BUILD.examples()
    assert len({example.title for example in found}) == len(found) > 5
    assert all(example.draft and example.image.size == (224, 224) for example in found)


def test_the_fingerprint_changes_with_what_is_staged(tmp_path):
    (tmp_path / "index.md").write_text("one")
    first = BUILD.fingerprint(tmp_path)
    assert first == BUILD.fingerprint(tmp_path)
    (tmp_path / "index.md").write_text("two")
    assert first != BUILD.fingerprint(tmp_path)


def test_notebooks_are_listed_by_pattern(tmp_path):
    BUILD.stage_notebooks(tmp_path, None)
    assert "[0-9]*" in (tmp_path / "notebooks" / "index.md").read_text("utf-8")
    staged = {path.name for path in (tmp_path / "notebooks").glob("*.ipynb")}
    assert staged == {path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}


# --- the built pages


class Page(HTMLParser):
    """What a page loads, where it links to, and the anchors it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])
        if tag in ("script", "img", "iframe", "source", "video", "audio") and values.get("src"):
            self.loads.add(values["src"])
        if tag == "link" and values.get("href") and values.get("rel") not in ("canonical",):
            self.loads.add(values["href"])


def is_outside(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))


def test_no_page_loads_anything_from_outside_and_no_link_is_broken(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 50
    outside, broken = [], []
    for path, page in pages.items():
        outside += [(path.name, address) for address in page.loads if is_outside(address)]
        for address in page.loads | page.links:
            if is_outside(address) or address.startswith(("data:", "mailto:")):
                continue
            file, _, anchor = address.partition("#")
            target = (path.parent / unquote(file.partition("?")[0])).resolve() if file else path
            if not target.is_file() or (anchor and target in pages and unquote(anchor) not in pages[target].anchors):
                broken.append((path.name, address))
    assert not outside and not broken[:20]


def test_styles_and_scripts_load_nothing_from_outside(site):
    for path in site.rglob("*.css"):
        assert "url(http" not in path.read_text("utf-8") and "@import" not in path.read_text("utf-8"), path.name


def test_the_site_is_small_and_whole(site):
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert size <= 60e6
    for page in (*OPENED, "CONTRIBUTING.html", "docs/architecture.html", "search.html", "genindex.html"):
        assert (site / page).is_file(), page
    assert "PerceiverResampler" in (site / "api" / "flamingo_lib.model.html").read_text("utf-8")


def test_equations_become_mathml():
    mathml = load_script("mathml")
    writer = SimpleNamespace(body=[])
    with pytest.raises(mathml.nodes.SkipNode):
        mathml.inline_math(writer, mathml.nodes.math("", r"\theta = \mathbb{E}[x]"))
    assert "<math" in writer.body[0] and "<script" not in writer.body[0]


def test_plurals_of_code_are_separated():
    lines = ["of `f(**batch)` with `Sample`s, ``plain``.", "``a``s"]
    load_script("docstrings").separate_plurals(None, "", "", None, None, lines)
    assert lines == [r"of `f(**batch)` with `Sample`\ s, ``plain``.", r"``a``\ s"]


def test_docstrings_of_values_are_kept_from_napoleon():
    docstrings = load_script("docstrings")
    lines = ["Names, in order: the first is shown."]
    docstrings.hide_values(None, "data", "x.NAMES", None, None, lines)
    assert lines == []
    docstrings.show_values(None, "data", "x.NAMES", None, None, lines)
    assert lines == ["Names, in order: the first is shown."]


# --- in a browser


def open_page(page, address):
    page.goto(address)
    page.wait_for_load_state("load")


@pytest.fixture
def page(site, request):
    """A page of a browser without a network, which fails the test on a failed request or an error on the console."""
    with chromium() as browser:
        context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
        opened = context.new_page()
        opened.set_default_timeout(60_000)
        faults: list[str] = []
        opened.on("requestfailed", lambda failed: faults.append(f"failed: {failed.url}"))
        opened.on("request", lambda made: made.url.startswith("http") and faults.append(f"asked for: {made.url}"))
        opened.on("pageerror", lambda error: faults.append(f"error: {error}"))
        opened.on("console", lambda said: said.type == "error" and faults.append(f"console: {said.text}"))
        yield opened
        screenshot(opened, f"site-{request.node.name}")
    assert not faults


@pytest.mark.browser
def test_pages_open_from_the_disk_without_a_network(page, site):
    for name in OPENED:
        open_page(page, (site / name).as_uri())
        assert page.locator("h1").first.inner_text().strip()


@pytest.mark.browser
def test_search_finds_the_resampler(page, site):
    open_page(page, (site / "index.html").as_uri())
    page.locator("input[name=q]").first.fill("resampler")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    found = page.locator("#search-results li a").all_inner_texts()
    assert any("model" in text.lower() or "resampler" in text.lower() for text in found), found


@pytest.mark.browser
def test_dark_mode_switches_and_stays(page, site):
    open_page(page, (site / "notebooks" / "00_overview.html").as_uri())

    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    seen = set()
    for _ in range(3):
        page.locator(".theme-toggle:visible").first.click()
        seen.add((page.locator("body").get_attribute("data-theme"), background()))
        if page.locator("body").get_attribute("data-theme") == "dark":
            dark = background()
    assert {theme for theme, _ in seen} >= {"light", "dark"} and len({color for _, color in seen}) >= 2
    page.evaluate("localStorage.setItem('theme', 'dark')")
    open_page(page, (site / "docs" / "method.html").as_uri())
    assert page.locator("body").get_attribute("data-theme") == "dark" and background() == dark


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_accessibility_fault(page, site, theme):
    if not AXE.is_file():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("axe-core is not installed: npm was not found")
    faults = []
    for name in (*OPENED, "search.html"):
        open_page(page, (site / name).as_uri())
        page.evaluate("theme => { document.body.dataset.theme = theme }", theme)
        page.add_script_tag(content=AXE.read_text("utf-8"))
        result = page.evaluate("() => axe.run(document, {resultTypes: ['violations'], preload: false})")
        faults += [
            f"{name}: {fault['id']}: {node['html'][:150]} {node['failureSummary'][:200]}"
            for fault in result["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"][:3]
        ]
    assert not faults, "\n".join(faults)
