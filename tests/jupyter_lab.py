"""A JupyterLab of its own on loopback, which knows no settings, extensions or workspaces but those given here."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
"""Metadata of a notebook that names its kernel, so that JupyterLab does not ask."""

SETTINGS = {
    # every cell stands in the page, seen or not
    "notebook-extension/tracker": {"autoStartDefaultKernel": True, "windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
}
FOLDERS = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "JUPYTER_RUNTIME_DIR",
    "IPYTHONDIR",
)
READY = """() => {
  const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return Boolean(context?.isReady && kernel?.connectionStatus === 'connected' && kernel?.status === 'idle');
}"""


@contextmanager
def jupyter_lab(folder: Path, own: Path) -> Iterator[str]:
    """A running JupyterLab; gives an address with a ``{}`` for a notebook's path.

    Args:
        folder: whose notebooks it opens; kernels import this working tree.
        own: an empty folder for settings and a log.
    """
    settings = own / "settings"
    for name, values in SETTINGS.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    environment = (
        os.environ
        | _folders(own)
        | {"JUPYTERLAB_SETTINGS_DIR": str(settings), "JUPYTER_TOKEN": token, "PYTHONPATH": str(ROOT)}
    )
    options = f"""--no-browser --allow-root --ServerApp.ip=127.0.0.1 --ServerApp.port={port}
    --ServerApp.port_retries=0 --LabApp.expose_app_in_browser=True --LabApp.extension_manager=readonly""".split()
    log = own / "lab.log"
    with open(log, "w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"],
            env=environment,
            stdout=file,
            stderr=file,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, log)
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}"
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()


def trust(notebook: Path, own: Path) -> None:
    """Let that JupyterLab show a notebook's outputs with their styles, as if a person trusted it."""
    command = [sys.executable, "-m", "jupyter", "trust", str(notebook)]
    subprocess.run(command, env=os.environ | _folders(own), check=True, capture_output=True)


def _folders(own: Path) -> dict[str, str]:
    return {name: str(own / name.lower()) for name in FOLDERS}


def _wait_for(address: str, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.2)


def choose_theme(page: Page, theme: str) -> None:
    """Let JupyterLab wear ``light`` or ``dark``."""
    name = f"JupyterLab {theme.title()}"
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
    # the body has no height of its own, so that it counts as hidden
    page.wait_for_selector(f'body[data-jp-theme-light="{str(theme == "light").lower()}"]', state="attached")
