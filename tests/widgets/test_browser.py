"""The inspector in a real JupyterLab, driven with a real browser by keyboard and mouse."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]

FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync""".split()

CELL = """
from PIL import Image
from flamingo_lib.records import Box, Rewrite, Sample, Verdict
from flamingo_lib.widgets import Inspector

def record(number, keep):
    boxes = (Box("ring", 0.2, 0.2, 0.6, 0.6),)
    sample = Sample(f"vqa-v2/{number}", "vqa-v2", "vqa", ("a.png",), f"question {number}?", "red", boxes=boxes)
    return Rewrite(sample, f"The ring number {number} is red.", verdicts=(Verdict(keep, "nli", 0.5, 0.0, "because"),))

Inspector([record(1, True), record(2, False), record(3, True)], lambda sample: [Image.new("RGB", (120, 120), "tan")])
"""

READY = """() => {
  const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return Boolean(context?.isReady && kernel?.connectionStatus === 'connected' && kernel?.status === 'idle');
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of its own, with a notebook that shows an inspector; gives its address."""
    root = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells = [nbformat.v4.new_code_cell(CELL)]
    nbformat.write(notebook, root / "inspector.ipynb")
    settings = root / "settings"
    for name, values in (
        ("notebook-extension/tracker", '{"autoStartDefaultKernel": true}'),
        (
            "apputils-extension/notification",
            '{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}',
        ),
    ):
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(values)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    folders = {
        name: str(root / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTERLAB_WORKSPACES_DIR",
            "JUPYTER_RUNTIME_DIR",
            "IPYTHONDIR",
        )
    }
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
    ]
    options += [
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]
    environment = os.environ | folders | {"JUPYTERLAB_SETTINGS_DIR": str(settings), "JUPYTER_TOKEN": token}
    with open(root / "lab.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, root / "lab.log")
        yield f"http://127.0.0.1:{port}/lab/tree/inspector.ipynb?token={token}"
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(address: str, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.5)


def test_inspector_in_jupyterlab(lab, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        expect.set_options(timeout=120_000)
        page.goto(lab)
        page.wait_for_function(READY)
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        card = page.locator(".fl-card")
        expect(card).to_contain_text("question 1?")
        expect(card.locator("ins").first).to_have_text("The ring number 1 is")
        expect(card.locator(".fl-box b")).to_have_text("ring")

        page.get_by_role("button", name="next").click()
        expect(card).to_contain_text("question 2?")
        expect(card).to_contain_text("dropped by nli")
        page.get_by_role("button", name="next").focus()
        page.keyboard.press("Enter")
        expect(card).to_contain_text("question 3?")
        page.locator(".noUi-handle").first.focus()
        page.keyboard.press("ArrowLeft")
        expect(card).to_contain_text("question 2?")

        page.get_by_label("verdict").select_option(label="dropped (1)")
        expect(page.get_by_text("1 of 1")).to_be_visible()
        expect(page.get_by_role("button", name="next")).to_be_disabled()
        page.screenshot(path=os.environ.get("FLAMINGO_SCREENSHOT", str(tmp_path / "inspector.png")))
        browser.close()
