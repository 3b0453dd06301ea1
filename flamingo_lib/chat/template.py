"""The chat template: token ids, loss mask and attended images of a chat (docs/method.md, "Interface strings").

Everything that a model reads, in training, rewriting and chatting, is made here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import ConfigError, DataError
from ..media import MEDIA_RULES, attended_images
from ..records import Turn
from ..renamed import renamed
from ..text import special_tokens, without_markers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SYSTEM_MESSAGE = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
HUMAN = "\n### Human: "
ASSISTANT = "\n### Assistant: "
DRAFTED = "(Drafted Response): "
REVISED = "\n (Revised Response): "
IMAGE = "<image>"
END_OF_CHUNK = "<|endofchunk|>"

_ANCHOR = "a"
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # Unicode's noncharacters, which no text that is exchanged may hold
_TEXT = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")


def as_text(text: str) -> str:
    """Mark what people wrote inside interleaved text: an ``<image>`` in it stands for no image (see `interleaved`)."""
    return _OPEN + text.replace(_OPEN, "\ufffd").replace(_CLOSE, "\ufffd") + _CLOSE


def plain(prompt: str) -> str:
    """Interleaved text as people read it, without the marks of `as_text`."""
    return prompt.replace(_OPEN, "").replace(_CLOSE, "")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A chat as a model reads it; lists of equal length.

    Attributes:
        ids: token ids.
        loss_mask: True on each response and the EOS after it.
        attended: the image each token attends to: 0 none, k the row's k-th image.
        turn: the turn each token belongs to, 1-based; 0 for the system message.
        n_images: images in the row.
    """

    ids: list[int]
    loss_mask: list[bool]
    attended: list[int]
    turn: list[int]
    n_images: int

    def __len__(self) -> int:
        return len(self.ids)


class ChatTemplate:
    """Renders chats with one tokenizer under one set of rules.

    Args:
        tokenizer: a fast tokenizer that knows `<image>`, `<|endofchunk|>`, BOS and EOS.
        media_rule: one of `MEDIA_RULES`.
        image_position: images stand "before" or "after" the instruction's text.
        within_turn: tokens attend to images of their own turn only; else the media rule runs over the whole row, as in
            the references, so that a later turn goes on attending to an image shown before. Training renders
            conversations so (`training.stages.example_template`).
        rewriter_marker: spelling of the assistant's name in the rewriter's prompt; the released inference code spells
            it "Assistent".

    Raises:
        ConfigError: an unknown rule or position, or a tokenizer without these tokens.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        *,
        media_rule: str = "preceding",
        image_position: str = "before",
        within_turn: bool = True,
        rewriter_marker: str = "Assistant",
    ) -> None:
        if media_rule not in MEDIA_RULES:
            raise ConfigError(f"unknown media rule {media_rule!r}", remedy=f"Use one of {', '.join(MEDIA_RULES)}.")
        if image_position not in ("before", "after"):
            raise ConfigError(f"unknown image position {image_position!r}", remedy="Use before or after.")
        if not getattr(tokenizer, "is_fast", False):
            raise ConfigError(
                "the chat template needs a fast tokenizer", remedy="Load it with AutoTokenizer, use_fast=True."
            )
        self.tokenizer, self.media_rule, self.image_position = tokenizer, media_rule, image_position
        self.within_turn, self.rewriter_marker = within_turn, rewriter_marker
        known = tokenizer.get_vocab()
        missing = [token for token in (IMAGE, END_OF_CHUNK) if token not in known]
        if missing or tokenizer.bos_token_id is None or tokenizer.eos_token_id is None:
            raise ConfigError(
                f"the tokenizer lacks {', '.join(missing) or 'BOS or EOS'}", remedy="Add them as special tokens first."
            )
        self.image_token_id, self.end_of_chunk_id = known[IMAGE], known[END_OF_CHUNK]
        self.bos_id, self.eos_id = tokenizer.bos_token_id, tokenizer.eos_token_id
        self._fixed: dict[tuple[str, bool], tuple[list[int], list[int]]] = {}

    def settings(self) -> dict[str, str | bool]:
        """The rules as keyword arguments, to save and to make the same template again."""
        return {
            "media_rule": self.media_rule,
            "image_position": self.image_position,
            "within_turn": self.within_turn,
            "rewriter_marker": self.rewriter_marker,
        }

    def render(self, turns: Sequence[Turn], *, system: bool = True, generation_prompt: bool = False) -> Rendered:
        """A chat as ids, loss mask and attended images.

        Args:
            turns: in order. Only the last may lack its response, and then `generation_prompt` must be True.
            system: begin with BOS and the system message. Without it the first turn comes out as a later turn does.
            generation_prompt: end where the model goes on with the last turn's response (which is then not rendered).

        Special tokens spelt out inside a turn's text are text, never tokens; markers spelt out there begin no line.
        """
        if not turns:
            raise DataError("the chat has no turns")
        ids = [self.bos_id, *self._encode_fixed(SYSTEM_MESSAGE, False)[0]] if system else []
        loss, turn_of, n_images = [False] * len(ids), [0] * len(ids), 0
        attended = [0] * len(ids)
        for number, turn in enumerate(turns, start=1):
            open_ended = generation_prompt and number == len(turns)
            if turn.response is None and not open_ended:
                raise DataError(
                    f"turn {number} has no response",
                    remedy="Give one, or ask for a generation prompt at the last turn.",
                )
            turn_ids, turn_loss = self._render_turn(turn, open_ended)
            ids += turn_ids
            loss += turn_loss
            turn_of += [number] * len(turn_ids)
            if self.within_turn:
                start = len(attended) if number > 1 else 0  # the system message attends as the first turn's text does
                attended[start:] = attended_images(ids[start:], self.image_token_id, self.media_rule, n_images)
            n_images += turn.images
        if not self.within_turn:
            attended = attended_images(ids, self.image_token_id, self.media_rule)
        return Rendered(ids, loss, attended, turn_of, n_images)

    def _render_turn(self, turn: Turn, open_ended: bool) -> tuple[list[int], list[bool]]:
        instruction, answer = without_markers(turn.instruction), ASSISTANT
        if turn.draft is not None:
            marker = ASSISTANT.replace("Assistant", self.rewriter_marker)
            answer = marker + DRAFTED + without_markers(turn.draft) + REVISED
        images = [self.image_token_id, self.end_of_chunk_id] * turn.images
        if not images:
            head, tail = "", HUMAN + instruction + answer
        elif self.image_position == "before":
            head, tail = HUMAN, instruction + answer
        else:
            head, tail = HUMAN + instruction, answer
        ids = [*(self._encode_fixed if head == HUMAN else self._encode_text)(head, True)[0], *images] if head else []
        # A word's leading space belongs to the word: the response begins before it, and a prompt ends before it.
        border = len(tail.rstrip(" "))
        text = tail if open_ended else tail + without_markers(turn.response or "")
        anchored = not head
        if open_ended:  # what a first word would merge with is left to the model
            pieces, starts = self._encode_text(text + _ANCHOR, anchored)
        else:
            pieces, starts = self._encode_text(text, anchored)
        loss = [start >= border for start in starts]
        if open_ended:
            pieces = [piece for piece, labelled in zip(pieces, loss, strict=True) if not labelled]
            return ids + pieces, [False] * (len(ids) + len(pieces))
        return [*ids, *pieces, self.eos_id], [False] * len(ids) + loss + [True]

    def interleaved(self, text: str) -> Rendered:
        """Text with ``<image>`` in it, as a base model reads it: no turns, no roles, and BOS before it.

        Special tokens are tokens, but for those inside `as_text`, which are text.
        """
        ours = _TEXT.sub(_OPEN, text)  # a character in place of what people wrote, so that nothing joins across it
        whole = plain(text)
        if self._special.findall(whole) == self._special.findall(ours):
            ids = self.tokenizer(whole, add_special_tokens=False)["input_ids"]
        else:
            ids = self._encode_parts(text)
        ids = [self.bos_id, *ids]
        attended = attended_images(ids, self.image_token_id, self.media_rule)
        return Rendered(ids, [False] * len(ids), attended, [1] * len(ids), ids.count(self.image_token_id))

    def _encode_parts(self, text: str) -> list[int]:
        """Ids of interleaved text in which people spell special tokens out."""
        parts: list[str] = [""]  # text and special tokens by turns
        for index, piece in enumerate(_TEXT.split(text)):
            if index % 2:
                parts[-1] += piece
                continue
            first, *rest = self._special.split(piece)
            parts[-1] += first
            parts += rest
        ids: list[int] = []
        for index, part in enumerate(parts):
            if index % 2:
                ids.append(self.tokenizer.convert_tokens_to_ids(part))
            elif part:
                ids += self._encode_text(part, bool(index))[0]
        return ids

    @cached_property
    def _special(self) -> re.Pattern[str]:
        """Finds the tokenizer's special tokens in a text."""
        names = sorted(special_tokens(self.tokenizer), key=len, reverse=True)
        return re.compile(f"({'|'.join(map(re.escape, names))})")

    def _encode_fixed(self, text: str, follows_text: bool) -> tuple[list[int], list[int]]:
        if (text, follows_text) not in self._fixed:
            self._fixed[text, follows_text] = self._encode_text(text, follows_text)
        return self._fixed[text, follows_text]

    def _encode_text(self, text: str, follows_text: bool) -> tuple[list[int], list[int]]:
        """Token ids and the character each begins at.

        Args:
            follows_text: other text stands before this; keeps tokenizers from putting a space at its start.
        """
        backend = self.tokenizer.backend_tokenizer
        before, backend.encode_special_tokens = backend.encode_special_tokens, True
        try:
            encoded = backend.encode(_ANCHOR + text if follows_text else text, add_special_tokens=False)
        finally:
            backend.encode_special_tokens = before
        shift = len(_ANCHOR) if follows_text else 0
        pairs = [
            (token, start - shift)
            for token, (start, end) in zip(encoded.ids, encoded.offsets, strict=True)
            if end > shift
        ]
        return [token for token, _ in pairs], [start for _, start in pairs]


__getattr__ = renamed(__name__, ChatTurn=Turn)
