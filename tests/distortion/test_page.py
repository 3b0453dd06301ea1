"""The page of pairs."""

import re
from html.parser import HTMLParser

from flamingo_lib.distortion.mixture import distort_sources, paper_recipe
from flamingo_lib.distortion.page import marked, pairs_page
from flamingo_lib.distortion.retrieval import index_descriptions
from flamingo_lib.records import Pair

PAIR = Pair("s/1/llm", "s", ("a&b.jpg",), "What <b>color</b>?", "RED & big", "It is red & large.", "llm", "upper")


class Balanced(HTMLParser):
    """Fails on tags that are not closed in order."""

    void = frozenset({"meta", "img", "input", "br"})

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check(page):
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return page


def strip(text):
    return re.sub(r"</?(?:del|ins)>", "", text)


def test_differences_are_marked_and_nothing_is_lost():
    before, after = marked("It is red & large.", "RED & big")
    assert before == "<del>It</del> <del>is</del> <del>red</del> &amp; <del>large</del><del>.</del>"
    assert after == "<ins>RED</ins> &amp; <ins>big</ins>"
    assert marked("same text", "same text") == ("same text", "same text")
    for one, two in (("a b c", "c b"), ("", "x"), ("e\u0301 👩\u200d👧 <i>", "<i>"), ("line\nline", "line")):
        assert [strip(text) for text in marked(one, two)] == [
            text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for text in (one, two)
        ]


def test_the_page_escapes_what_it_shows():
    page = check(pairs_page([PAIR], title="<Pairs>", note="a < b", picture=lambda image: f"pictures/{image}"))
    assert "&lt;b&gt;color&lt;/b&gt;" in page and "<b>color" not in page
    assert 'src="pictures/a&amp;b.jpg"' in page and "&lt;Pairs&gt;" in page and "a &lt; b" in page
    assert "write everything in upper case" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_real_mixture_is_shown_whole(polite_samples, caption_samples):
    pairs = list(distort_sources(polite_samples, index_descriptions(caption_samples), paper_recipe(120 / 255_000), 0))
    page = check(pairs_page(pairs))
    assert page.count("<article") == 120 and page.count('type="checkbox"') == 3 and "<img" not in page
    assert all(f"way-{way}" in page for way in ("llm", "noise", "retrieval"))


def test_an_empty_page_says_so():
    assert "no pairs" in check(pairs_page([]))
