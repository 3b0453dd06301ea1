"""What the documents name is there: files, links, headings, commands and their options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer.main

from flamingo_lib.cli import app

ROOT = Path(__file__).parents[2]
CLOSED = ROOT / "docs" / "log"
"""Pages of what was once measured: they name the modules of their day."""
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
CURRENT = [path for path in DOCUMENTS if path.parent != CLOSED and path.name not in ("LOG.md", "CHANGELOG.md")]
IMAGES = sorted((ROOT / "docs" / "images").glob("*.svg"))
SOURCES = [*sorted((ROOT / "flamingo_lib").rglob("*.py")), *sorted((ROOT / "docs" / "examples").glob("*.py"))]
COMMAND = typer.main.get_command(app)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(text: str) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(text), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_relative_links_lead_somewhere(path: Path):
    text = path.read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists() and target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("path", CURRENT, ids=name)
def test_named_files_exist(path: Path):
    text = path.read_text("utf-8")
    named = set(
        re.findall(r"(?<![\w/])(?:flamingo_lib|tests|notebooks|benchmarks|docs|data_samples)/[\w./-]*\w/?", text)
    )
    missing = [file for file in sorted(named) if not (ROOT / file).exists()]
    assert not missing


def method_references() -> list[tuple[Path, str]]:
    """Every section or quoted heading of docs/method.md that a source refers to."""
    found = []
    pattern = re.compile(
        r"docs/method\.md,?\s+(?:sections?\s+)?((?:\d[\d.]*\d|\d|\"[^\"]+\")(?:(?:,|\s+and)\s+(?:\d[\d.]*\d|\d))*)"
    )
    for path in SOURCES:
        text = re.sub(r"\s*\n\s*#?\s*", " ", path.read_text("utf-8"))
        for reference in pattern.findall(text):
            parts = [reference] if reference.startswith('"') else re.findall(r"\d[\d.]*\d|\d", reference)
            found += [(path, part.strip('"')) for part in parts]
    return found


def test_every_reference_to_the_method_has_its_heading():
    titles = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "method.md").read_text("utf-8"), flags=re.M)
    numbers = {match.group(1) for title in titles if (match := re.match(r"([\d.]+?)\.? ", title))}
    references = method_references()
    lost = [(name(path), part) for path, part in references if part not in numbers and part not in titles]
    assert references and not lost


def test_no_reference_to_the_method_without_a_section():
    bare = [name(path) for path in SOURCES if re.search(r"\bMETHOD\b", path.read_text("utf-8"))]
    assert not bare


def commands(text: str) -> set[str]:
    """The `flamingo ...` lines of a document's blocks and of its inline code."""
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, flags=re.S | re.M)).replace("\\\n", " ").splitlines()
    lines = [line.split(" #")[0].strip() for line in blocks]
    inline = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", prose(text))
    return {
        line.replace("\n", " ") for line in (*lines, *inline) if re.match(r"(?:\.venv/bin/)?flamingo(?:\s|$)", line)
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_commands_and_their_options_exist(path: Path):
    for line in sorted(commands(path.read_text("utf-8"))):
        command, rest = COMMAND, shlex.split(line)[1:]
        while rest and hasattr(command, "get_command") and not rest[0].startswith("-"):
            command = command.get_command(typer.Context(command), rest.pop(0))
            assert command is not None, line
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.split("=")[0] for word in rest if word.startswith("--")}
        assert used <= known | {"--help"}, line


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))
    for path in CURRENT:
        assert set(re.findall(r"`make ([a-z]+)", path.read_text("utf-8"))) <= targets, name(path)


@pytest.mark.parametrize("path", IMAGES, ids=name)
def test_images_scale_and_can_be_read_aloud(path: Path):
    root, space = ElementTree.parse(path).getroot(), "{http://www.w3.org/2000/svg}"
    assert root.get("viewBox") and root.get("role") == "img"
    assert all((root.find(space + tag).text or "").strip() for tag in ("title", "desc"))
    assert root.findall(f".//{space}text") and "prefers-color-scheme: dark" in path.read_text("utf-8")
    assert not root.findall(f".//{space}script")
    assert all(image.get("href", "").startswith("data:image/png;") for image in root.findall(f".//{space}image"))


def test_citation_file_holds_what_its_format_asks_for():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation) and citation["cff-version"] == "1.2.0"
    paper = citation["preferred-citation"]
    assert {"type", "title", "authors"} <= set(paper) and len(paper["authors"]) == 4


def test_promises_of_security_are_held_by_tests_that_exist():
    held = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "SECURITY.md").read_text("utf-8"))
    missing = [f"{file}::{test}" for file, test in held if f"def {test}(" not in (ROOT / file).read_text("utf-8")]
    assert held and not missing


def test_no_code_of_a_model_is_trusted():
    trusting = [name(path) for path in SOURCES if "trust_remote_code=True" in path.read_text("utf-8")]
    assert not trusting


def test_every_room_answers_a_question():
    table = (
        (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("| room | question")[2].partition("\n\n")[0]
    )
    told = set(re.findall(r"^\| `(\w+)/` \|", table, flags=re.M))
    rooms = {path.parent.name for path in (ROOT / "flamingo_lib").glob("*/*.py") if path.name != "__init__.py"}
    assert told == rooms - {"presets"}  # on the ground floor
