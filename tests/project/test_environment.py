"""pyproject.toml, constraints.txt and environment.yml say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {
    "torch": "pytorch",
    "open-clip-torch": "open-clip-torch",
    "huggingface-hub": "huggingface_hub",
    "jupyter-client": "jupyter_client",
    "matplotlib": "matplotlib-base",
    "prometheus-client": "prometheus_client",
    "playwright": "playwright-python",
    "ray": "ray-data",
}
"""Where conda-forge's name differs from the package index's."""
CONDA_ONLY = {"python", "make", "pip"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
PINS = {
    canonicalize_name(line.split("==")[0]): line.split("==")[1]
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
}


def requirements(*groups: list[str]) -> dict[str, Requirement]:
    found = (Requirement(text) for group in groups for text in group)
    return {canonicalize_name(item.name): item for item in found if item.name != PROJECT["name"]}


def with_extras(group: list[str]) -> list[str]:
    """The group's own requirements, and those of the project's extras that it names."""
    found = []
    for text in group:
        item = Requirement(text)
        own = item.name == PROJECT["name"]
        found += [inner for extra in sorted(item.extras) for inner in with_extras(EXTRAS[extra])] if own else [text]
    return found


WANTED = requirements(PROJECT["dependencies"], with_extras(EXTRAS["dev"]))
CONDA = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
CONDA_PIP = next(entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict))


def ranges(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


@pytest.mark.parametrize("entry", CONDA)
def test_conda_entry_is_a_valid_spec(entry: str):
    from rattler import MatchSpec

    spec = MatchSpec(entry, strict=True)
    name = re.match(r"[a-z0-9._-]+", entry)[0]
    assert spec.name.normalized == name
    assert "::" not in entry


def test_conda_uses_conda_forge_only():
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]


def test_conda_lists_the_same_packages_and_ranges():
    conda = {
        re.match(r"[a-z0-9._-]+", entry)[0]: ranges(entry[len(re.match(r"[a-z0-9._-]+", entry)[0]) :])
        for entry in CONDA
    }
    pip = {
        name: ranges(str(item.specifier))
        for name, item in requirements([e for e in CONDA_PIP if not e.startswith("-e")]).items()
    }
    wanted = {CONDA_NAMES.get(name, name): ranges(str(item.specifier)) for name, item in WANTED.items()}
    found = {name: bounds for name, bounds in conda.items() if name not in CONDA_ONLY} | pip
    assert found == wanted
    assert conda["python"] == ranges(PROJECT["requires-python"])
    assert "-e ." in CONDA_PIP


def test_the_extras_that_developers_install_are_counted():
    named = {extra for text in EXTRAS["dev"] for extra in Requirement(text).extras if PROJECT["name"] in text}
    for extra in named:
        assert set(requirements(EXTRAS[extra])) <= set(WANTED), extra
    assert "scale" in named


@pytest.mark.parametrize("name", sorted(requirements(PROJECT["dependencies"], *EXTRAS.values())))
def test_every_requirement_is_pinned_inside_its_range(name: str):
    item = requirements(PROJECT["dependencies"], *EXTRAS.values())[name]
    assert item.specifier, f"{name} needs a range"
    assert item.specifier.contains(PINS[name], prereleases=True)


def test_constraints_hold_for_every_platform():
    for name, version in PINS.items():
        assert not name.startswith(("nvidia-", "cuda-")) and name != "triton", "torch pins its own runtime, by platform"
        assert re.fullmatch(r"[0-9][0-9a-z.]*", version), "a plain version: no local build, no path, no address"


def test_hashed_constraints_are_the_constraints_with_hashes():
    """What `make HASHED=1 install` installs: the same versions, torch's own runtime besides, each with its hashes."""
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", (ROOT / "constraints-hashed.txt").read_text("utf-8"))
    found = {canonicalize_name(block.split("==")[0]): block for block in blocks if not block.startswith("#")}
    for name, block in found.items():
        version = re.match(r"[\w.-]+==([\w.+]+)", block)[1]
        if name in PINS:
            assert version == PINS[name], f"{name}: run make hashes"
        else:
            assert name.startswith(("nvidia-", "cuda-")) or name in ("triton", "setuptools"), f"{name} is not pinned"
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), name
    assert set(WANTED) <= set(found)
