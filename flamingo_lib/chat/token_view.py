"""Token view of a rendered chat: which tokens are trained on, and which image each token attends to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..html import Markup, Token, token_strip
from ..renamed import renamed
from .template import Rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token: its text, whether it is trained on, and the image it attends to (0: none)."""

    token: str
    label: bool
    attended: int


def explain(rendered: Rendered, tokenizer: PreTrainedTokenizerBase) -> list[TokenRow]:
    """One `TokenRow` a token. A character of several byte tokens shows as a replacement mark in each."""
    texts = [str(tokenizer.decode([token])) for token in rendered.ids]
    return [TokenRow(*row) for row in zip(texts, rendered.loss_mask, rendered.attended, strict=True)]


def token_view(rows: list[TokenRow], title: str = "") -> Markup:
    """The tokens as HTML: colour and number tell the attended image, bold underlined tokens are trained on."""
    tokens = []
    for row in rows:
        sees = "no image" if row.attended == 0 else f"image {row.attended}"
        hint = f"attends to {sees}; {'trained on' if row.label else 'not trained on'}"
        tokens.append(Token(row.token, hint, row.attended, row.label))
    return token_strip(tokens, title=title, group_name="image", trained="trained on")


__getattr__ = renamed(__name__, to_html=token_view)
