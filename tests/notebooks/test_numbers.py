"""Every number in the notebooks' prose comes from a source: `numbers.py` says which, and nothing else is left over.

What a code cell computes and writes into its sentence is not prose. Looked at are Markdown cells, and what `saw(...)`
says around its computed values.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from string import Formatter

import pytest

from flamingo_lib.evaluation.paper import paper_u
from tests.notebooks.numbers import CLAIMS, ROOT, SUPPOSED, drawn, notebook, short

TRIVIAL = (
    r"```.*?```|`[^`\n]*`",  # code
    r"\$\$.*?\$\$|\$[^$\n]*\$",  # equations
    r"\]\([^)]*\)",  # targets of links
    r"\b\d{4}\.\d{5}\b",  # articles on arXiv
    r"(?m)^\| \*\*Time\*\* [^\n]*$|\d+( to \d+)? minutes to read, \d+( to \d+)?\s+with",
    r"(?m)^\*\*Exercise\.\*\* [^\n]*$|^#+ \d\d\.\d ",  # numbers of exercises, difficulty, minutes
    r"(?m)^\d+\. |^\| \d\d \|",  # numbers of items and of notebooks
    r"\b(?i:figures?|tables?|sections?|stages?|notebooks?|image)\s+\d[\d.]*(?:(?:,|,?\s+(?:and|to|or))\s+\d[\d.]*)*",
    r"\((?:0\d|1[01])\)|\bin 0\d\b",  # notebooks in the glossary
    r"\b[A-Za-z]\w*(?:[-/ ]v|[-/.])?\d[\w.]*|\b\d+B\b|\bOpenFlamingo 2\b",  # names: A100, ViT-L/14, VQA v2.0
    r"95 %(?=\s+(interval|of the means|of what))",  # the level of every interval
)
"""Patterns of numbers that claim nothing. 0 and 1 as bounds, bits and first numbers claim nothing either."""
NUMBER = re.compile(r"(?<![\w.,])[±+-]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?![.,]?\d)")
NAMES = [path.stem[:2] for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
ALL = [*NAMES, *(f"solutions/{name}" for name in NAMES)]


def said(source: str) -> Iterator[str]:
    """What a code cell's `saw(...)` says, with … for what it computes."""
    for call in ast.walk(ast.parse(re.sub(r"(?m)^[%!].*", "", source))):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "saw":
            (text,) = call.args
            parts = text.values if isinstance(text, ast.JoinedStr) else [text]
            yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in parts)


def plain(text: str) -> str:
    """Prose on one line, with · for what claims nothing, and hyphens for minus signs."""
    for pattern in TRIVIAL:
        text = re.sub(pattern, "·", text, flags=re.DOTALL)
    return " ".join(text.replace("−", "-").split())


def prose(name: str) -> list[str]:
    """A notebook's passages, cell by cell."""
    found = []
    for cell in notebook(name).cells:
        found += [cell.source] if cell.cell_type == "markdown" else said(cell.source)
    return [plain(text) for text in found]


def places(pieces: list[str], passage: str) -> set[int]:
    """The characters of a passage that the pieces cover, wherever they stand."""
    found: set[int] = set()
    for piece in pieces:
        for match in re.finditer(re.escape(piece), passage):
            found |= set(range(*match.span()))
    return found


def numbers(text: str) -> list[re.Match]:
    return [match for match in NUMBER.finditer(text) if match[0] not in ("0", "1")]


def written(row: tuple) -> str:
    template, *values = row
    return plain(template).format(*(value.replace("−", "-") if isinstance(value, str) else value for value in values))


@pytest.mark.parametrize("name", ALL)
def test_every_number_in_prose_has_its_source(name):
    pieces = [written(row) for row in CLAIMS.get(name, [])] + [plain(text) for text in SUPPOSED.get(name, [])]
    unheld = []
    for passage in prose(name):
        held = places(pieces, passage)
        unheld += [
            f"{match[0]}: …{passage[max(0, match.start() - 60) : match.end() + 30]}…"
            for match in numbers(passage)
            if match.start() not in held
        ]
    assert not unheld, "in tests/notebooks/numbers.py no row holds\n" + "\n".join(unheld)


@pytest.mark.parametrize("name", [*CLAIMS])
def test_prose_says_what_its_sources_say(name):
    text = "\n".join(prose(name))
    wrong = [written(row) for row in CLAIMS[name] if written(row) not in text]
    assert not wrong, "by their sources it should read\n" + "\n".join(wrong)


def test_the_table_itself_holds_no_number_beside_its_values():
    for name, rows in CLAIMS.items():
        for template, *values in rows:
            assert values and not numbers(plain(re.sub(r"\{[^}]*\}", "", template))), (name, template)
            assert len([field for _, field, *_ in Formatter().parse(template) if field is not None]) == len(values)
    for name, texts in SUPPOSED.items():
        passages = "\n".join(prose(name))
        assert all(plain(text) in passages and numbers(plain(text)) for text in texts), name


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Figure 8, Figures 8, 9 and 11, stages 1 and 3, notebook 08", []),
        ("rank 16 of 24,000 pairs: .25 and −1.19, 95 % of all", ["16", "24,000", ".25", "-1.19", "95"]),
        ("`x = 3`, $r = 4$, PF-1M, VQA v2.0, ViT-L/14, [2307.01003](https://arxiv.org/abs/2307.01003)", []),
        ("a patch of 3 × 3; 0 or 1", ["3", "3"]),
        ("95 % interval", []),
    ],
)
def test_what_counts_as_a_number_that_claims(text, left):
    assert [match[0] for match in numbers(plain(text))] == left


RESULTS = {
    "right, known pairs (held-in)": ("held-in", 3, 0),
    "right, unseen pairs": ("unseen pairs", 3, None),
    "right, held-out sources": ("held-out sources", 3, 1),
    "polite sentences": ("polite", 2, None),
    "mean reward": ("mean reward", 2, 2),
}
"""The README's rows: notebook 08's column, digits, and the column of the paper's Figure 9."""
SHOWN = ("base, four-shot", "stage 1", "stage 2", "stage 3", "stage 2 on raw annotations")


def test_the_readme_shows_the_run_of_the_notebooks_and_the_papers_figures():
    output = next(
        output.data["text/html"]
        for cell in notebook("08").cells
        for output in cell.get("outputs", [])
        if ">polite, text only</th>" in output.get("data", {}).get("text/html", "")
    )
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", output)]
    run = {row[0]: dict(zip(cells[0], row, strict=True)) for row in cells[1:]}
    for title, (column, digits, paper) in RESULTS.items():
        values = [short(float(run[name][column].split(" ")[0]), digits) for name in SHOWN]
        if title in ("polite sentences", "mean reward"):
            values[0] = ""
        theirs = ""
        if paper is not None:
            one, two, three, raw = (
                short(paper_u(name)[paper], digits) for name in ("stage1", "stage2", "stage3", "raw")
            )
            theirs = f"{one}, {two}, {three}; {raw}"
        row = re.sub(r" +", " ", "| " + " | ".join([title, *values, theirs]) + " |")
        assert row in (ROOT / "README.md").read_text("utf-8"), f"README.md: the row should be\n{row}"


def test_the_key_picture_of_the_filters_is_of_the_run_that_the_notebooks_show():
    (cell,) = (cell for cell in notebook("05").cells if cell.cell_type == "code" and "funnel_html(" in cell.source)
    shown = "".join(output.data.get("text/html", "") for output in cell.outputs)
    for pattern in (r"Of ([\d,]+) rewrites", r"a tiny run ([\d,]+) are kept"):
        number = f"{drawn('funnel.svg', pattern):,}"
        assert number in shown, f"python docs/images/draw_funnel.py RUN draws it anew: {number} is not in the notebook"
