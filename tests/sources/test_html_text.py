"""HTML is known by its file or its page's marks; of its code blocks only the code is code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flamingo_lib.sources.html_text import answer_text, has_page_marks, html_to_text, is_html_dump

OLD_BAR = (
    '<pre><div class="bg-black mb-4 rounded-md"><div class="flex items-center">python<button class="flex">'
    '<svg><path d="M1"></path></svg>Copy code</button></div><div class="p-4 overflow-y-auto">'
    '<code class="hljs">{}</code></div></div></pre>'
)
NEW_BAR = (
    '<pre class="x"><div class="rounded"><div class="flex"><span>python</span><div><span><button>Copy code</button>'
    "</span>"
    '</div></div><div dir="ltr"><code class="hljs language-python">{}</code></div></div></pre>'
)
CODE = "<span class='k'>def</span> f():\n\n\n    return 1   \n"


@pytest.mark.parametrize("page", [OLD_BAR, NEW_BAR, "<pre><code class='language-python'>{}</code></pre>"])
def test_the_bar_above_code_is_no_code_and_lines_stay(page):
    text = html_to_text(f"<p>Try:</p>{page.format(CODE)}<p>Done.</p>")
    assert text == "Try:\n\n```python\ndef f():\n\n\n    return 1   \n```\n\nDone."


def test_code_without_a_bar_or_a_code_element():
    assert html_to_text("<pre>a  = 1\n  b</pre>") == "```\na  = 1\n  b\n```"
    assert html_to_text("<pre><code>a```b</code></pre>") == "````\na```b\n````"
    assert html_to_text("<p>cut</p><pre><code>x = 1") == "cut\n\n```\nx = 1\n```"
    assert html_to_text("<p>a<img src='x'>b<br>c</p></div>") == "ab\nc"


def test_formulas_are_not_told_twice():
    shown = '<span class="katex"><span>x2</span><span class="katex-html" aria-hidden="true">x2</span></span>'
    assert html_to_text(f"<p>So {shown} is it.</p>") == "So x2 is it."


def test_marks_of_the_page_and_names_of_dumps():
    assert has_page_marks('<div class="markdown prose w-full break-words dark:prose-invert light"><p>x</p></div>')
    assert has_page_marks('<div class="markdown"><p>x</p></div>')
    assert has_page_marks('<div class="bg-black mb-4 rounded-md">x</div>')
    for shown in ("prose lg:prose-xl", "bg-black text-white", "h-64 overflow-y-auto"):  # Tailwind's, in anybody's code
        assert not has_page_marks(f'<div class="{shown}"><p>x</p></div>')
    assert not has_page_marks('<div class="card"><p>x</p></div>') and not has_page_marks("<p>markdown prose</p>")
    assert is_html_dump("a/sg_90k_part1.json") and is_html_dump("sg_90k_part2_html_cleaned.json")
    assert not is_html_dump("ShareGPT_V3_unfiltered_cleaned_split.json") and not is_html_dump("mine.json")


SOURCE = '<div class="card">\n  <p>Hello</p>\n</div>'


def test_shown_source_stays_and_the_button_goes():
    assert answer_text(SOURCE, html_dump=False) == SOURCE
    assert answer_text("<p>Hello</p>", html_dump=True) == "Hello"
    assert answer_text("Do:\n```pythonCopy code\nx = 1\n```", html_dump=False) == "Do:\n```python\nx = 1\n```"
    assert answer_text("Press Copy code.", html_dump=False) == "Press Copy code."


@pytest.mark.parametrize("file", ["ShareGPT_V3_unfiltered_cleaned_split.json", "mine.jsonl", "sg_90k_part1.json"])
def test_questions_keep_their_tags_in_every_file(tmp_path: Path, read, file):
    turns = [{"from": "human", "value": SOURCE}, {"from": "gpt", "value": "A card."}]
    answers = [{"from": "human", "value": "Show a card."}, {"from": "gpt", "value": SOURCE}]
    records = [{"id": "a", "conversations": turns}, {"id": "b", "conversations": answers}]
    (tmp_path / file).write_text(json.dumps(records))
    asked, answered = read("sharegpt", tmp_path)[0]
    assert asked.instruction == SOURCE
    assert answered.raw == (SOURCE if "sg_90k" not in file else "Hello")
