"""`make audit`, with stand-ins for its tools: what is known is named, and an index out of reach is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BILL = {"bomFormat": "CycloneDX", "components": [{"name": "torch"}, {"name": "numpy"}]}
WEAK = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": []}

TOOL = """#!{python}
import sys
words = sys.argv
out = words[words.index("-o") + 1]
{action}
"""


def audit(folder: Path, bill: str, found: str) -> subprocess.CompletedProcess[str]:
    for name, action in (("cyclonedx-py", bill), ("pip-audit", found)):
        tool = folder / name
        tool.write_text(TOOL.format(python=sys.executable, action=action))
        tool.chmod(0o755)
    command = [sys.executable, ROOT / ".ci" / "audit", folder, sys.executable, folder / "out"]
    return subprocess.run(command, capture_output=True, text=True)


def writes(value: object) -> str:
    return f"open(out, 'w').write({json.dumps(value)!r})"


@pytest.mark.parametrize(("known", "code"), [([], 0), ([WEAK], 1)])
def test_advisories_are_named(tmp_path, known, code):
    packages = [{"name": "torch", "version": "1.0", "vulns": known}, {"name": "own", "skip_reason": "not published"}]
    done = audit(tmp_path, writes(BILL), writes({"dependencies": packages}) + f"\nsys.exit({code})")
    assert done.returncode == code and "2 components in" in done.stdout
    assert ("torch 1.0: PYSEC-1, mended in 2.0" in done.stdout) == bool(code)
    assert json.loads((tmp_path / "out" / "sbom.cdx.json").read_text()) == BILL


def test_an_index_out_of_reach_is_told_and_the_bill_is_there(tmp_path):
    done = audit(tmp_path, writes(BILL), "sys.exit('ERROR: could not connect')")
    assert (
        done.returncode == 3 and "is the package index in reach?" in done.stderr and "could not connect" in done.stderr
    )
    assert (tmp_path / "out" / "sbom.cdx.json").is_file() and "Traceback" not in done.stderr


def test_a_bill_that_is_not_made_is_an_error(tmp_path):
    done = audit(tmp_path, "sys.exit('no such interpreter')", "sys.exit(0)")
    assert done.returncode == 2 and "was not made: cyclonedx-py: no such interpreter" in done.stderr


@pytest.mark.skipif(shutil.which("cyclonedx-py") is None, reason="cyclonedx-bom is not installed")
def test_the_real_tool_takes_these_words(tmp_path):
    command = ["cyclonedx-py", "environment", "--pyproject", ROOT / "pyproject.toml", "--output-reproducible",
               "--of", "JSON", "-o", tmp_path / "a.json", sys.executable]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    made = json.loads((tmp_path / "a.json").read_text())
    assert made["bomFormat"] == "CycloneDX" and "torch" in {part["name"] for part in made["components"]}
