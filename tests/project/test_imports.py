"""Imports point downward only: each room may read the storeys below it, never one beside or above."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "flamingo_lib"

STOREYS = (
    {"errors", "seeding", "storage", "progress", "records", "config", "presets", "pages", "weight_files"},
    {"scenes"},
    {"sources"},
    {"distortion", "judges", "model", "chat"},
    {"cpu"},
    {"loading"},
    {"filters", "rewriting", "training", "evaluation"},
    {"pipeline", "serving"},
    {"widgets", "cli"},
)
ONE_STOREY = (
    {"errors", "seeding", "storage", "progress", "records", "config", "presets", "pages", "weight_files"},
    {"model", "chat"},
    {"widgets", "cli"},
)
"""Rooms of one storey that may read each other."""


def storey(room: str) -> int:
    return next(level for level, rooms in enumerate(STOREYS) if room in rooms)


def imported_rooms(source: str, module: tuple[str, ...], is_package: bool) -> set[str]:
    """The rooms of flamingo_lib that a module's source imports, at the top or inside functions."""
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base: list[str] = []
            if node.level:
                package = module if is_package else module[:-1]
                base = list(package[: len(package) - (node.level - 1)])
            stem = base + (node.module.split(".") if node.module else [])
            names = [[*stem, alias.name] for alias in node.names]
        else:
            continue
        rooms |= {name[1] for name in names if len(name) > 1 and name[0] == "flamingo_lib"}
    return rooms


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_every_room_has_a_storey():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()} - {"__init__", "__main__"}
    assert rooms <= set().union(*STOREYS), "give a new room its storey here and in README.md"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downward(path: Path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = parts[:-1] if is_package else parts
    room = module[1] if len(module) > 1 else None
    for other in imported_rooms(path.read_text("utf-8"), module, is_package):
        if other == "__version__" or other == room or room is None:
            continue
        beside = any({room, other} <= rooms for rooms in ONE_STOREY)
        assert beside or storey(other) < storey(room), f"{room} may not import {other}"


@pytest.mark.parametrize(
    ("source", "module", "rooms"),
    [
        ("from ..errors import X", ("flamingo_lib", "sources", "coco"), {"errors"}),
        ("from .. import records", ("flamingo_lib", "sources", "coco"), {"records"}),
        ("def f():\n    from ...judges.nli import N", ("flamingo_lib", "pipeline", "steps", "a"), {"judges"}),
        ("import flamingo_lib.scenes.graph as g", ("flamingo_lib", "sources", "coco"), {"scenes"}),
        ("from .coco import R\nimport torch", ("flamingo_lib", "sources", "vqa"), {"sources"}),
    ],
)
def test_imports_are_read_right(source, module, rooms):
    assert imported_rooms(source, module, is_package=False) == rooms
