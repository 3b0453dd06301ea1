"""Lazy package exports: every public name resolves, loads nothing before, and is no submodule's name."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import flamingo_lib
from flamingo_lib.lazy import exported_names, lazy_exports

ROOT = Path(flamingo_lib.__file__).parent
PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT.parent).parts)
    for path in ROOT.rglob("__init__.py")
    if "__all__ = " in path.read_text("utf-8")
)
LAZY = [
    name
    for name in PACKAGES
    if "lazy_exports(" in ROOT.parent.joinpath(*name.split("."), "__init__.py").read_text("utf-8")
]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_resolves(package: str):
    module = import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", LAZY)
def test_lazy_names_are_public_and_no_submodules(package: str):
    folder = ROOT.parent / package.replace(".", "/")
    exported = exported_names((folder / "__init__.py").read_text("utf-8"))
    assert set(exported) <= set(import_module(package).__all__)
    taken = [name for name in exported if (folder / f"{name}.py").exists() or (folder / name).is_dir()]
    assert not taken, "an imported submodule would hide the name"


def test_importing_a_package_loads_none_of_its_modules():
    script = (
        f"import sys\nfor name in {LAZY}: __import__(name)\n"
        "print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_other_names_may_be_answered_otherwise():
    assert lazy_exports("flamingo_lib.filters", str.upper)("nothing") == "NOTHING"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'flamingo_lib\.filters' has no attribute 'nothing'"):
        lazy_exports("flamingo_lib.filters")("nothing")
