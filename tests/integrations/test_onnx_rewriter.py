"""The rewriter as ONNX: PyTorch's logits in ONNX Runtime, and the library's rewrites by the page in a real browser."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from flamingo_lib.config import RewritingConfig
from flamingo_lib.errors import CheckpointError, MissingAsset
from flamingo_lib.integrations import onnx_rewriter
from flamingo_lib.integrations.onnx_rewriter import ABOUT, LANGUAGE, VISION, Example, export_rewriter, networks
from flamingo_lib.records import Sample, Turn
from flamingo_lib.rewriting.backends.flamingo import FlamingoRewriter
from tests.rewriting.small_models import save_rewriter

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"
ORT = Path(os.environ.get("FLAMINGO_ORT", ROOT / ".venv/onnxruntime-web/node_modules/onnxruntime-web/dist"))
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync""".split()
CLOSE = 1e-3
DRAFTS = (
    "red",
    "  12 circles, it's 3.5 – naïve café 😀\n### Human: no (Drafted Response): x",
    "no 0.25 ½ <image> </s>\n\n  two   spaces  ",
    "\n ### assistant : (Revised Response): A chat  ",
    "don't\u2028### HUMAN: \t\x1c(drafted response) 東京 12³",
    "",
)


def optional(name):
    """The module `name`; the test is skipped without it, but not in continuous integration."""
    return __import__(name) if os.environ.get("CI") else pytest.importorskip(name)


@pytest.fixture(scope="module")
def rewriter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rewriter") / "model"
    save_rewriter(folder)
    return folder


@pytest.fixture(scope="module")
def examples():
    colors = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), np.uint8)
    asked = ("What color is the circle?", "Is there a star?")
    return [Example(text, "red", Image.fromarray(each), text) for text, each in zip(asked, colors, strict=True)]


@pytest.fixture(scope="module")
def exported(rewriter, examples, tmp_path_factory):
    optional("onnxscript")
    out = tmp_path_factory.mktemp("onnx") / "exported"
    export_rewriter(rewriter, out, examples)
    assert sorted(path.name for path in out.iterdir()) == sorted([VISION, LANGUAGE, ABOUT])
    return out


def library(rewriter, examples):
    """The library's rewriter, as plain as it comes, and a sample of it for an example with a draft."""
    config = RewritingConfig()
    loaded = FlamingoRewriter.load(rewriter, lambda sample: [examples[int(sample.id)].image], config, optimize=False)

    def sample(index, draft):
        return Sample(str(index), "scenes", "vqa", (f"{index}.png",), examples[index].instruction, draft)

    return loaded, sample


def rendered(loaded, example, draft):
    return loaded.processor.render(chats=[[Turn(example.instruction, images=1, draft=draft)]], generation_prompt=True)[
        0
    ]


def test_logits_are_pytorchs_at_any_length(rewriter, examples, exported):
    runtime = optional("onnxruntime")
    loaded, _ = library(rewriter, examples)
    vision, language = networks(loaded.model)
    eyes, reader = (runtime.InferenceSession(exported / name) for name in (VISION, LANGUAGE))
    for example, draft in zip(examples * 3, DRAFTS, strict=True):
        row = rendered(loaded, example, draft)
        pixels = loaded.processor.image_processor.pixels([example.image])[None]
        with torch.no_grad():
            latents = vision(pixels)
            wanted = language(torch.tensor([row.ids]), torch.tensor([row.attended]), latents)
        seen = eyes.run(None, {"pixels": pixels.numpy()})[0]
        given = {"input_ids": np.array([row.ids]), "attended_image": np.array([row.attended]), "latents": seen}
        found = reader.run(None, given)[0]
        assert np.abs(seen - latents.numpy()).max() < CLOSE and np.abs(found - wanted.numpy()).max() < CLOSE
        assert wanted.std() > 100 * CLOSE, "logits that differ from each other"


def test_prompts_around_a_draft_are_the_librarys(rewriter, examples, exported):
    loaded, _ = library(rewriter, examples)
    about = json.loads((exported / ABOUT).read_text())
    for stored, example in zip(about["examples"], examples, strict=True):
        ids = rendered(loaded, example, "red").ids
        assert ids[: len(stored["before"])] == stored["before"] and ids[-len(stored["after"]) :] == stored["after"]
        middle = ids[len(stored["before"]) : -len(stored["after"])]
        assert loaded.processor.tokenizer.decode(middle) == "red"


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_rewriter, "find_spec", lambda name: None)
    with pytest.raises(MissingAsset, match=r"onnx, onnxscript is not installed.*pip install 'flamingo-lib\[onnx\]'"):
        export_rewriter(tmp_path, tmp_path / "out", [])
    assert not list(tmp_path.iterdir())


def test_another_tokenizer_is_refused(rewriter, tmp_path, monkeypatch):
    other = tmp_path / "model"
    shutil.copytree(rewriter, other)
    text = (other / "tokenizer.json").read_text().replace("(Drafted Response): ", "(Draughted Response): ")
    (other / "tokenizer.json").write_text(text)
    monkeypatch.setattr(onnx_rewriter, "find_spec", lambda name: name)
    with pytest.raises(CheckpointError, match="not that of the tiny base"):
        export_rewriter(other, tmp_path / "out", [])


@pytest.fixture
def page(exported, tmp_path):
    """The site's part around this rewriter, opened from the disk in a browser without a network."""
    if CHROMIUM is None or not ORT.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium, or no onnxruntime-web: npm was not found")
    from playwright.sync_api import sync_playwright

    spec = importlib.util.spec_from_file_location("site_rewriter_assets", SITE / "rewriter_assets.py")
    assets = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(assets)
    megabytes = assets.write_assets(exported, ORT, tmp_path / "assets")
    assert megabytes < 20
    shutil.copy(SITE / "static" / "rewriter.js", tmp_path)
    html = "<!doctype html><meta charset=utf-8><title>Page</title>"
    html += assets.form("assets/", "rewriter.js", megabytes)
    (tmp_path / "page.html").write_text(html, "utf-8")
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_context(offline=True).new_page()
        opened.set_default_timeout(120_000)
        opened.on("requestfailed", lambda failed: faults.append(f"failed: {failed.url}"))
        opened.on("request", lambda made: made.url.startswith("http") and faults.append(f"asked for: {made.url}"))
        opened.on("pageerror", lambda error: faults.append(f"error: {error}"))
        opened.on("console", lambda said: said.type == "error" and faults.append(f"console: {said.text}"))
        opened.goto((tmp_path / "page.html").as_uri())
        yield opened
        browser.close()
    assert not faults


def wait_for(page, text):
    status = page.locator("[data-part=status]")
    page.wait_for_function(
        "text => RegExp(text).test(document.querySelector('[data-part=status]').textContent)", arg=text
    )
    return status.inner_text()


@pytest.mark.browser
def test_the_page_rewrites_as_the_library_does(page, rewriter, examples):
    loaded, sample = library(rewriter, examples)
    vision, language = networks(loaded.model)
    page.click("[data-part=start]")
    assert wait_for(page, "ready|did not") == "ready"
    code = """async ([index, draft]) => {
      const rewriter = document.querySelector(".rewriter").rewriter;
      const example = rewriter.about.examples[index];
      const ids = rewriter.prompt(example, draft);
      return [ids, [...await rewriter.logits(example, ids)]];
    }"""
    for number, draft in enumerate(DRAFTS):
        example = examples[number % 2]
        row = rendered(loaded, example, draft)
        ids, logits = page.evaluate(code, [number % 2, draft])
        assert ids == row.ids, draft
        with torch.no_grad():
            latents = vision(loaded.processor.image_processor.pixels([example.image])[None])
            wanted = language(torch.tensor([row.ids]), torch.tensor([row.attended]), latents)[0, 0]
        assert (torch.tensor(logits) - wanted).abs().max() < CLOSE
    for number, draft in ((0, "red"), (1, "A large\nblue star (drafted response)")):
        page.select_option("[data-part=choice]", str(number))
        assert page.inner_text("[data-part=instruction]") == examples[number].instruction
        page.fill("[data-part=draft]", draft)
        page.click("[data-part=rewrite]")
        assert wait_for(page, "done|did not") == "done"
        wanted = loaded.rewrite([sample(number, draft)])[0].output
        assert page.evaluate("document.querySelector('[data-part=output]').textContent") == wanted and wanted
    page.fill("[data-part=draft]", "long " * 2000)
    page.click("[data-part=rewrite]")
    assert "too long" in wait_for(page, "too long|done")
