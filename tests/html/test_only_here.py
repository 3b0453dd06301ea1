"""HTML is written in its room and nowhere else in the library."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from flamingo_lib import html

ROOM = Path(html.__file__).parent
PACKAGE = ROOM.parent
TAG = re.compile(
    r"<(div|span|table|thead|tbody|tr|td|th|img|p|h[1-6]|style|script|details|summary|ul|ol|li|dl|dt|dd|b|i|em|strong|pre"
    r"|code|svg|rect|figure|figcaption|article|section|header|main|a|ins|del|label|input|fieldset)\b"
)
GROUND_FLOOR = {"images", "html", "errors", "records", "storage", "seeding"}


def outside() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if ROOM not in path.parents)


def strings(source: str) -> list[str]:
    """All string constants, the parts of f-strings among them, docstrings not."""
    tree = ast.parse(source)
    loose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in loose
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('x = "<div class=a>"', True),
        ('x = f"{y}<td>{z}</td>"', True),
        ('"""A ``<b>`` in prose."""', False),
        ('x = "a < b"', False),
        ('x = "<image>"', False),
    ],
)
def test_tags_are_found_in_strings(source, found):
    assert any(map(TAG.search, strings(source))) == found


@pytest.mark.parametrize("path", outside(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_writes_no_html(path):
    source = path.read_text("utf-8")
    assert [text for text in strings(source) if TAG.search(text)] == []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.module != "html" or node.level, "escape by the functions of flamingo_lib.html"
            inside = node.level and re.search(r"(^|\.)html\.", node.module)
            assert not inside, "import from flamingo_lib.html itself"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            assert name != "Markup", "only flamingo_lib.html may call a string HTML"


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.name)
def test_the_room_stands_on_the_ground_floor(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 2:
            assert node.module and node.module.split(".")[0] in GROUND_FLOOR
