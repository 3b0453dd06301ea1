"""Every widget in one real JupyterLab, driven by mouse and keyboard, in light and dark."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nbformat
import pytest

from flamingo_lib.pipeline.notebook_outputs import normalise
from flamingo_lib.scenes.graph import SHAPES
from tests.browser import chromium, screenshot
from tests.jupyter_lab import KERNEL, READY, choose_theme, jupyter_lab, trust
from tests.widgets.benches import BENCHES

pytestmark = pytest.mark.browser

ANSWERED = 2.0 if "PYTEST_XDIST_WORKER" in os.environ else 0.5
"""Seconds in which a widget answers, or shows that it is at work; more beside another worker of the tests."""

SHOWS = """([cell, html]) => {
  const shown = document.querySelectorAll('.jp-CodeCell')[cell]?.querySelector('.widget-html-content');
  const wanted = document.createElement('div');
  wanted.innerHTML = html;
  // JupyterLab's table of contents puts an empty number into every heading
  const own = shown?.cloneNode(true);
  own?.querySelectorAll('.numbering-entry').forEach(node => node.remove());
  return Boolean(own) && own.innerHTML === wanted.innerHTML;
}"""

FRAMES = """cell => {
  const shown = document.querySelectorAll('.jp-CodeCell')[cell].querySelector('.widget-html-content');
  window.frames_seen = [];
  window.watcher?.disconnect();
  const numbered = node => node.nodeType === 1 && node.classList.contains('numbering-entry');
  window.watcher = new MutationObserver(changes => {
    const own = changes.flatMap(change => [...change.addedNodes, ...change.removedNodes]).some(node => !numbered(node));
    if (own) window.frames_seen.push([performance.now(), shown.innerText]);
  });
  window.watcher.observe(shown, {childList: true, subtree: true, characterData: true});
  window.last_hand = performance.now();
  for (const kind of ['keydown', 'mouseup', 'click', 'input', 'change'])
    document.addEventListener(kind, () => { window.last_hand = performance.now(); }, true);
}"""

PALE = """() => {
  const parse = text => { const v = text.match(/[\\d.]+/g).map(Number); return [v[0], v[1], v[2], v[3] ?? 1]; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = colour => {
    const [r, g, b] = colour.slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = node => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const found = [];
  let looked = 0;
  for (const area of document.querySelectorAll('.jp-OutputArea-output')) {
    const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
      // a disabled control may be pale; the text of a chart stands on shapes, which the theme's own test looks at
      if (!text || !node.checkVisibility() || node.closest('style,svg,:disabled,option:not(:checked)')) continue;
      looked += 1;
      const under = ground(node), colour = over(parse(getComputedStyle(node).color), under);
      const [low, high] = [light(colour), light(under)].sort((a, b) => a - b);
      const ratio = (high + .05) / (low + .05);
      if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${text.slice(0, 40)} (${node.tagName} ${node.className})`);
    }
  }
  return [looked, [...new Set(found)]];
}"""


DONE = """count => {
  const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(node => node.textContent);
  return prompts.filter(text => /\\[\\d+\\]/.test(text)).length === count;
}"""
"""Whether every cell has been executed, so that the kernel is free."""


def plain(html: str) -> str:
    """HTML without styles and tags."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL).split())


class Cell:
    """A widget in the page, and the hands on it."""

    def __init__(self, page: Any, number: int) -> None:
        self.page, self.number = page, number
        self.area = page.locator(".jp-CodeCell").nth(number)

    def control(self, name: str) -> Any:
        """The part that takes the keyboard of a control with a label."""
        label = self.area.locator(f".widget-label:text-is('{name}'), .widget-label-basic span:text-is('{name}')").first
        return label.locator("xpath=ancestor::div[1]").locator(".noUi-handle, select, input, textarea").first

    def wait_for(self, html: str, seconds: float = 30) -> None:
        """Wait until the widget shows this frame."""
        from playwright.sync_api import TimeoutError

        try:
            self.page.wait_for_function(SHOWS, arg=[self.number, html], polling=20, timeout=1000 * seconds)
        except TimeoutError:
            screenshot(self.page, f"missed-{self.number}")
            pytest.fail(f"wanted {plain(html)!r}\nshown {plain(self.area.inner_html())!r}")

    def button(self, name: str) -> Any:
        """A button by what stands on it."""
        return self.area.get_by_role("button", name=name)

    def tab_to(self, control: Any) -> None:
        """Reach a control with the Tab key alone, from the widget's first one."""
        controls = self.area.locator(
            ".jupyter-widgets :is(.noUi-handle, select, input, textarea), button.jupyter-button"
        )
        controls.first.focus()
        for _ in range(40):
            if control.evaluate("node => node === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError("the Tab key does not reach the control")

    def drag(self, name: str, share: float) -> None:
        """Draw a slider's handle with the mouse to a share of its way."""
        handle = self.control(name)
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        way = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        across = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] / 2, across)
        self.page.mouse.down()
        self.page.mouse.move(way["x"] + share * way["width"], across, steps=4)
        self.page.mouse.up()

    def pick(self, name: str, label: str) -> None:
        """Choose from a list, which the browser draws outside of the page and its driver therefore chooses from."""
        self.control(name).select_option(label=label)

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)


@dataclass(frozen=True)
class Step:
    """What a hand does, and the same done to a widget in this process.

    Attributes:
        hand: ``mouse`` or ``keyboard``.
        act: on the page; by keyboard, the control `on` has been reached with the Tab key.
        same: on the widget.
        on: a control's label, or a button's words.
        busy: words of a frame that shows the widget at work.
    """

    hand: str
    act: Callable[[Cell], None]
    same: Callable[[Any], None]
    on: str = ""
    busy: str = ""


def click(name: str, same: Callable[[Any], None], busy: str = "") -> Step:
    return Step("mouse", lambda cell: cell.button(name).click(), same, busy=busy)


def press(on: str, *keys: str, same: Callable[[Any], None], busy: str = "") -> Step:
    return Step("keyboard", lambda cell: cell.keys(*keys), same, on, busy)


def choose(on: str, arrow: str, same: Callable[[Any], None], busy: str = "") -> Step:
    """Open a dropdown, go on by one, choose; while it is shut the arrows are JupyterLab's, and choose another cell."""
    return press(on, "Space", arrow, "Enter", same=same, busy=busy)


def type_in(on: str, words: str, *keys: str, same: Callable[[Any], None], busy: str = "") -> Step:
    def act(cell: Cell) -> None:
        cell.keys("Control+A")
        cell.page.keyboard.insert_text(words)
        cell.keys(*keys)

    return Step("keyboard", act, same, on, busy)


def drag(name: str, share: float, same: Callable[[Any], None], busy: str = "") -> Step:
    return Step("mouse", lambda cell: cell.drag(name, share), same, busy=busy)


def pick(name: str, label: str, same: Callable[[Any], None]) -> Step:
    return Step("mouse", lambda cell: cell.pick(name, label), same)


def put(**values: Any) -> Callable[[Any], None]:
    """Sets controls of a widget."""

    def same(widget: Any) -> None:
        for name, value in values.items():
            getattr(widget, name).value = value

    return same


def _say(text: str, pictures: tuple[str, ...] = ()) -> Callable[[Any], None]:
    def same(widget: Any) -> None:
        put(shown=pictures, question=text)(widget)
        widget.send()

    return same


def _up(name: str, by: int) -> Callable[[Any], None]:
    def same(widget: Any) -> None:
        getattr(widget, name).index += by

    return same


def _cell(number: int, value: str) -> Callable[[Any], None]:
    return lambda widget: setattr(widget.cells[number][0], "value", value)


def _threshold(name: str, value: float) -> Callable[[Any], None]:
    return lambda widget: setattr(widget.sliders[name], "value", value)


QUESTION = "What color is the triangle?"

STEPS: dict[str, list[Step]] = {
    "AskTheScene": [
        click("another scene", lambda widget: widget.shuffle.click(), busy="Asking base"),
        press("with a held-out pair", "Space", same=put(unseen=True), busy="Asking base"),
        type_in("question", QUESTION, "Enter", same=put(question=QUESTION), busy="Asking base"),
    ],
    "SceneEditor": [
        Step(
            "mouse",
            lambda cell: cell.area.locator("select").nth(3).select_option(label=SHAPES[0]),
            _cell(1, SHAPES[0]),
        ),
        type_in("text", "The star is blue. No ring is red.", same=put(text="The star is blue. No ring is red.")),
    ],
    "DistortionBench": [
        pick("way", "noise", put(way="noise")),
        drag("seed", 1, put(seed=50)),
        press("seed", "ArrowLeft", same=put(seed=49)),
    ],
    "AttentionViewer": [
        drag("layer", 0, put(layer=0)),
        choose("head", "ArrowDown", same=put(head=0)),
        pick("token", "3 '?'", put(token=3)),
    ],
    "RewriteBench": [
        drag("temperature", 1, put(temperature=2.0), busy="being written …"),
        type_in("draft", "a green one", "Tab", same=put(draft="a green one"), busy="being written …"),
        choose("picture", "ArrowDown", same=put(image="none"), busy="being written …"),
        pick("sample", "What color is the star? → blue", put(sample=1)),
    ],
    "Inspector": [
        click("next", lambda widget: widget.next.click()),
        press("next", "Enter", same=lambda widget: widget.next.click()),
        press("record", "ArrowLeft", same=put(position=2)),
        choose("verdict", "ArrowDown", same=put(verdict="kept")),
    ],
    "ThresholdExplorer": [
        drag("NLI", 0, _threshold("nli", -12.0)),
        press("NLI", "ArrowRight", same=_threshold("nli", -11.75)),
        pick("nearest", "CLIPScore", put(near="clip")),
    ],
    "WindowViewer": [
        press("window", "ArrowRight", same=put(opened=2)),
        choose("strategy", "ArrowUp", same=_up("strategy", -1)),
        drag("context", 1, put(context_length=20)),
    ],
    "StageDiff": [
        drag("question", 1, put(number=9)),
        press("question", "ArrowLeft", same=put(number=8)),
        pick("show", "another answer", put(shown="another answer")),
    ],
    "AnswerBrowser": [
        drag("page", 1, put(page=3)),
        choose("verdict", "ArrowDown", same=put(verdict="A wrong, B right")),
        press("page", "ArrowLeft", same=put(page=2)),
    ],
    "GenerationViewer": [
        drag("record", 1, put(position=3)),
        press("record", "ArrowLeft", same=put(position=2)),
        choose("order", "ArrowDown", same=put(order="gained most")),
    ],
    "CostViewer": [
        drag("GPUs", 0, put(gpus=1)),
        press("context", "ArrowRight", same=_up("context", 1)),
        type_in("price", "3.5", "Enter", same=put(price=3.5)),
        pick("stage", "stage1", put(stage="stage1")),
    ],
    "ChatBench": [
        type_in("question", "And the star?", "Tab", "Enter", same=_say("And the star?"), busy="▍"),
        press("show what the model reads", "Space", same=put(reading=False)),
        choose("model", "ArrowDown", same=put(model="echo"), busy="▍"),
        click("take back", lambda widget: widget.undo()),
    ],
    "VerdictRecorder": [
        click("keep", lambda widget: widget.keep.click()),
        press("drop", "Enter", same=lambda widget: widget.drop.click()),
        press("take back", "Space", same=lambda widget: widget.back.click()),
        press("keep", "Space", same=lambda widget: widget.keep.click()),
        click("keep", lambda widget: widget.keep.click()),
    ],
}
"""What is done to each widget, in order."""

LABS = "Failed to execute 'removeChild' on 'Node'"
"""An error of JupyterLab's own where it keeps only the cells in view (its issue 15415); our widgets bring no script."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A page of JupyterLab in which a notebook shows every widget, and what went wrong on its console."""
    root = tmp_path_factory.mktemp("lab")
    (root / "own").mkdir()
    (root / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook(metadata=KERNEL)
    notebook.cells = [
        nbformat.v4.new_code_cell(f"from tests.widgets.benches import BENCHES\nBENCHES[{name!r}]()") for name in BENCHES
    ]
    nbformat.write(notebook, root / "notebooks" / "widgets.ipynb")
    with jupyter_lab(root / "notebooks", root / "own") as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(60_000)
        page.wrong, page.notebooks = [], root / "notebooks"
        page.on("pageerror", lambda error: page.wrong.append(f"error: {error}") if LABS not in str(error) else None)
        page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else None)
        page.goto(address.format("widgets.ipynb"))
        page.wait_for_function(READY)
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        page.wait_for_function(DONE, arg=len(BENCHES), timeout=180_000)
        yield page


def test_every_widget_is_driven():
    from flamingo_lib import widgets

    assert {name for name in widgets.__all__ if name[0].isupper()} - {"SceneModel"} == BENCHES.keys() == STEPS.keys()
    assert all({step.hand for step in steps} == {"mouse", "keyboard"} for steps in STEPS.values())


@pytest.mark.parametrize("name", BENCHES)
def test_a_widget_answers_mouse_and_keyboard(lab, name):
    cell = Cell(lab, list(BENCHES).index(name))
    twin = BENCHES[name]()
    cell.wait_for(twin.view.value, 120)
    cell.area.scroll_into_view_if_needed()
    seconds = []
    for step in STEPS[name]:
        before = twin.view.value
        step.same(twin)
        assert twin.view.value != before, "the step changes nothing"
        if step.hand == "keyboard":
            named = cell.button(step.on)
            cell.tab_to(named if named.count() else cell.control(step.on))
        lab.evaluate(FRAMES, cell.number)
        step.act(cell)
        cell.wait_for(twin.view.value)
        hand, frames = lab.evaluate("() => [window.last_hand, window.frames_seen]")
        answered = [at for at, text in frames if step.busy in text] if step.busy else [frames[-1][0]]
        assert answered, (step.busy, frames)
        seconds.append(max(0, answered[0] - hand) / 1000)
    print(name, " ".join(f"{value:.2f}" for value in seconds))
    screenshot(lab, f"widget-{name}")
    assert sorted(seconds)[len(seconds) // 2] <= ANSWERED, seconds
    assert not lab.wrong


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_of_widgets_can_be_read(lab, theme):
    choose_theme(lab, theme)
    read(lab, f"widgets-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_of_static_frames_can_be_read(lab, theme):
    """A notebook's file as it is kept, opened where nobody has run it."""
    choose_theme(lab, theme)
    path = lab.notebooks / "frames.ipynb"
    if not path.exists():
        kept = nbformat.v4.new_notebook(metadata=KERNEL)
        for name, make in BENCHES.items():
            cell = nbformat.v4.new_code_cell(name, execution_count=1)
            data = make()._repr_mimebundle_()
            cell.outputs = [nbformat.v4.new_output("execute_result", data=data, execution_count=1)]
            kept.cells.append(cell)
        nbformat.write(normalise(kept), path)
        trust(path, lab.notebooks.parent / "own")
        lab.evaluate("() => { window.jupyterapp.commands.execute('docmanager:open', {path: 'frames.ipynb'}); }")
    lab.wait_for_function(f"() => document.querySelectorAll('{FRAME}').length === {len(BENCHES)}", polling=20)
    read(lab, f"frames-{theme}")


GROUNDS = """() => [...new Set([...document.querySelectorAll('[data-jp-theme-light] :is(.fl, .fl-table tr)')]
  .map(node => getComputedStyle(node).backgroundColor))]"""

FRAME = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-RenderedHTMLCommon.jp-OutputArea-output .fl"


def read(page, name):
    """Hold the contrast of every text against WCAG 2.1, and keep pictures of all that is shown."""
    looked, pale = page.evaluate(PALE)
    areas = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")
    for number in range(0, areas.count(), 3) if os.environ.get("FLAMINGO_SCREENSHOTS") else ():
        areas.nth(number).evaluate("node => node.scrollIntoView()")
        screenshot(page, f"{name}-{number}")
    assert looked > 200 and not pale, "\n".join(pale)
    assert page.evaluate(GROUNDS) == ["rgba(0, 0, 0, 0)"], "JupyterLab paints rows, or a fragment paints the page"
    assert not page.wrong
