"""GitHub's workflows, the container and Binder: linted, and in step with the Makefile and the package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(path: Path) -> list[dict]:
    return [step for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values() for step in job["steps"]]


def test_zizmor_finds_nothing():
    zizmor = shutil.which("zizmor", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert zizmor, "zizmor is not installed: `make install`"
    command = [zizmor, "--offline", "--no-progress", "--config", ROOT / ".github" / "zizmor.yml", *WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_named_by_version(path: Path):
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used and all(re.fullmatch(r"[\w./-]+@(v\d+|release/v\d+)", name) for name in used), used


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_have_no_more_rights_than_they_need(path: Path):
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in path.read_text("utf-8")


def test_workflows_run_what_is_there():
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))
    for path in WORKFLOWS:
        for step in steps(path):
            run = step.get("run", "")
            assert set(re.findall(r"\bmake (\w+)", run)) <= targets
            assert all((ROOT / file).exists() for file in re.findall(r"bash (\S+)", run))


def test_a_release_is_trusted_and_checks_its_tag():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    publish = yaml.safe_load(text)["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"} and publish["environment"]["name"] == "pypi"
    assert "gh-action-pypi-publish" in text and "GITHUB_REF_NAME#v" in text and "password" not in text


def test_the_container_installs_what_make_installs():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert container["postCreateCommand"] == "make install" and container["image"].endswith(":3.11")


def test_binder_uses_the_pinned_versions():
    script = ROOT / ".binder" / "postBuild"
    assert os.access(script, os.X_OK) and "--constraint constraints.txt" in script.read_text("utf-8")
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert (ROOT / ".binder" / "runtime.txt").read_text("utf-8").strip() == "python-3.11"
    assert re.search(r"(?m)^torch==", (ROOT / "constraints.txt").read_text("utf-8"))
