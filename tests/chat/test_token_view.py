"""What the eye is shown of a rendered chat."""

from flamingo_lib.chat import ChatTemplate, Turn
from flamingo_lib.chat.token_view import explain, token_view


def test_rows_and_html(tokenizer):
    template = ChatTemplate(tokenizer)
    rendered = template.render([Turn("<b>What?</b>", "Red & round.", images=1), Turn("Hi", "Ho")], system=False)
    rows = explain(rendered, tokenizer)
    assert "".join(row.token for row in rows) == tokenizer.decode(rendered.ids)
    assert [row.label for row in rows] == rendered.loss_mask and [row.attended for row in rows] == rendered.attended
    page = token_view(rows, title="One & two")
    assert page.count("<span title=") == len(rows)
    assert page.count("attends to image 1; trained on") == sum(row.label and row.attended == 1 for row in rows) > 0
    assert page.count("attends to no image; trained on") == sum(row.label and row.attended == 0 for row in rows) > 0
    assert "<b>What" not in page and "One &amp; two" in page and "image 2" not in page
