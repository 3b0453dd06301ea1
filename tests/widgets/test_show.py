"""HTML pieces for notebooks."""

from __future__ import annotations

import re

from PIL import Image

from flamingo_lib import html as fragments
from flamingo_lib.records import Box, Rewrite, Sample
from flamingo_lib.widgets.show import pictures, plot, records, show, table, texts


def test_table_rounds_aligns_and_escapes():
    html = table([{"name": "<b>", "share": 0.12345, "count": 12345, "none": None, "yes": True}]).data
    assert "&lt;b&gt;" in html and ">0.123<" in html and ">12,345<" in html and ">True<" in html
    assert html.count('<td class="fl-n">') == html.count('<th class="fl-n"') == 2


def test_table_chooses_columns():
    html = table([{"a": 1, "b": 2}, {"a": 3}], ["b", "a"]).data
    assert html.index(">b<") < html.index(">a<")
    assert "<tr>" in table([]).data


def test_pictures_have_captions_and_boxes():
    html = pictures([Image.new("RGB", (50, 50))] * 2, ["one & only", "two"], boxes=[[Box("ring", 0, 0, 1, 1)], []]).data
    assert html.count("<img") == 2 and "one &amp; only" in html and html.count('<span class="fl-box') == 1


def test_records_texts_and_plots_are_self_contained():
    from flamingo_lib.evaluation.figures import curve_plot

    rewrite = Rewrite(Sample("s/1", "s", "vqa", (), "ask", "raw"), "output")
    for html in (
        records([rewrite]).data,
        texts({"a<": "line\nline"}).data,
        plot(curve_plot({"loss": [(1, 2.0), (2, 1.0)]})).data,
    ):
        assert not re.search(r"(src|href)=['\"]https?:", html)
    assert "a&lt;" in texts({"a<": "x"}).data


def test_fragments_are_shown_with_their_styles_and_plain_text_is_escaped():
    html = show(fragments.paragraph("a"), "<b>").data
    assert html.startswith("<style>") and ".fl-paragraph{" in html and "&lt;b&gt;" in html and type(html) is str


def test_a_plot_says_what_it_shows():
    from flamingo_lib.evaluation.figures import curve_plot

    figure = curve_plot({"loss": [(1, 2.0), (2, 1.0)]}, title="loss & steps")
    assert 'alt="loss &amp; steps"' in plot(figure).data and 'alt="falls"' in plot(figure, alt="falls").data
