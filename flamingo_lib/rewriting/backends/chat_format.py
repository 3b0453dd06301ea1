"""Chat template of a Transformers processor: prompts with images as the model was trained to read them.

Nothing is assumed about the template's wording. Where a response stands in it, and what ends one, is found by rendering
with and without a response.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...errors import CheckpointError, DataError
from ...records import Turn
from .prompt import REWRITE_PROMPT, user_text

if TYPE_CHECKING:
    from PIL import Image
    from transformers import BatchFeature

PROBES = ("quartz", "violet")
"""Texts that are rendered to find where a text stands; they share neither their first nor their last letter."""

MASK = "attention_mask"


class ChatFormat:
    """Renders prompts and responses with a processor's own chat template, and encodes them with their images.

    Args:
        processor: of an image-text-to-text model.
        system: the system message; None for none.
        name: the model's, for error messages.

    Raises:
        CheckpointError: a processor without tokenizer, image processor or chat template; a template that fails, or
            that drops a turn's text, the images, or the system message.
    """

    def __init__(self, processor: Any, system: str | None = None, name: str = "the model") -> None:
        self.processor, self.system, self.name = processor, system, name
        self.tokenizer: Any = getattr(processor, "tokenizer", None)
        if self.tokenizer is None or getattr(processor, "image_processor", None) is None:
            raise self._unfit(
                "the processor has no tokenizer or no image processor", "Give an image-text-to-text model."
            )
        self.template = getattr(processor, "chat_template", None) or getattr(self.tokenizer, "chat_template", None)
        if not self.template:
            raise self._unfit(
                "the processor has no chat template", "Give an instruction-tuned model, or add chat_template.jinja."
            )
        if isinstance(self.template, dict):
            self.template = self.template.get("default") or next(iter(self.template.values()))
        self._check()

    @cached_property
    def control_tokens(self) -> frozenset[str]:
        """Texts that the tokenizer takes for control tokens, such as ``<image>``."""
        added = self.tokenizer.added_tokens_decoder.values()
        named = {str(getattr(self.processor, key, None) or "") for key in ("image_token", "boi_token", "video_token")}
        return frozenset({token.content for token in added if token.special} | named) - {""}

    @cached_property
    def image_token_ids(self) -> frozenset[int]:
        """Token ids that stand for (parts of) images."""
        ids = [getattr(self.processor, "image_token_id", None), getattr(self.tokenizer, "image_token_id", None)]
        ids += list(getattr(self.processor, "image_token_ids", None) or ())
        return frozenset(int(token) for token in ids if token is not None)

    @cached_property
    def tail(self) -> str:
        """What the template writes after a response."""
        first, second = (self.render("", 0, probe)[::-1] for probe in PROBES)
        return first[: _shared(first, second)][::-1]

    @cached_property
    def end_id(self) -> int:
        """The token that ends a response: the first special token after it, else the tokenizer's EOS."""
        end = self._special_after()
        end = self.tokenizer.eos_token_id if end is None else end
        if end is None:
            raise self._unfit("neither the chat template nor the tokenizer ends a response", "Set the tokenizer's EOS.")
        return int(end)

    @cached_property
    def closing(self) -> str:
        """What follows a response: the template's own, and EOS if no special token is in it."""
        return self.tail if self._special_after() is not None else self.tail + self.tokenizer.decode([self.end_id])

    def _special_after(self) -> int | None:
        added = {index for index, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        special = set(self.tokenizer.all_special_ids) | added
        ids = self.tokenizer.encode(self.tail, add_special_tokens=False)
        return next((index for index in ids if index in special), None)

    def render(self, text: str, images: int, response: str | None = None) -> str:
        """The chat as text: up to where the response begins, or with `response` and what follows it.

        Args:
            text: the user's turn.
            images: how many stand before it.
        """
        messages = [_message("system", self.system)] if self.system is not None else []
        messages.append(_message("user", text, images))
        if response is not None:
            messages.append(_message("assistant", response))
        return self._apply(messages, generation_prompt=response is None)

    def _apply(self, messages: list[dict[str, Any]], *, generation_prompt: bool = True) -> str:
        return self.processor.apply_chat_template(
            messages, chat_template=self.template, add_generation_prompt=generation_prompt, tokenize=False
        )

    def answered(self, text: str, images: int, response: str) -> tuple[str, str]:
        """The prompt that the model reads, and what it is to write: the response as the template sets it, and its end.

        Some templates begin the answer of a chat otherwise than their prompt for generation does (by a space or a line
        end); the model will read the prompt, so that is what the response follows here.
        """
        prompt, whole = self.render(text, images), self.render(text, images, response)
        if not whole.startswith(prompt):
            first, second = (self.render(text, images, probe) for probe in PROBES)
            head = first[: _shared(first, second)]
            if not whole.startswith(head):
                raise DataError("the chat template sets this response so that its beginning can't be found")
            rest = whole[len(head) :]
        else:
            rest = whole[len(prompt) :]
        return prompt, rest[: len(rest) - len(self.tail)] + self.closing

    def prompt(self, text: str, images: int) -> str:
        """As `render` without a response.

        Raises:
            DataError: control tokens spelt out in the text, or a template that cannot hold so many images.
        """
        self.refuse_control_tokens(text)
        if images > 1 and images not in self._fits:
            self._fits[images] = self._holds(images)
        if images > 1 and not self._fits[images]:
            raise DataError(f"the model's chat template cannot hold {images} images in one turn")
        return self.render(text, images)

    def conversation(self, turns: Sequence[Turn], system: str | None = None, prompt: str = REWRITE_PROMPT) -> str:
        """A chat of several turns as text, up to where the response to the last one begins.

        Args:
            turns: in order; those before the last have responses.
            system: the system message instead of the format's own.
            prompt: how a turn's draft is shown, see `prompt.REWRITE_PROMPT`.

        Raises:
            DataError: control tokens spelt out in a text, or what the chat template cannot hold: several turns, this
                many images, or a system message.
        """
        system = self.system if system is None else system
        texts = [t.instruction if t.draft is None else user_text(prompt, t.instruction, t.draft) for t in turns]
        for text in (system or "", *texts, *(turn.response or "" for turn in turns)):
            self.refuse_control_tokens(text)

        def messages(with_images: bool) -> Iterator[dict[str, Any]]:
            if system is not None:
                yield _message("system", system)
            for turn, text in zip(turns, texts, strict=True):
                yield _message("user", text, turn.images if with_images else 0)
                if turn.response is not None:
                    yield _message("assistant", turn.response)

        try:
            rendered, without = (self._apply(list(messages(images))) for images in (True, False))
        except Exception as error:  # templates raise what they like
            raise DataError(f"the model's chat template cannot hold this chat: {_short(error)}") from error
        if system is not None and system.strip() not in rendered:
            raise DataError("the model's chat template drops the system message")
        images, token = sum(turn.images for turn in turns), getattr(self.processor, "image_token", None)
        held = rendered != without if token is None else rendered.count(token) - without.count(token) == images
        if images and not held:
            raise DataError(f"the model's chat template cannot hold {images} images in this chat")
        return rendered

    def refuse_control_tokens(self, text: str) -> None:
        """A `DataError` if `text` spells out a token that the model would read as control."""
        found = sorted(token for token in self.control_tokens if token in text)
        if found:
            raise DataError(f"the text holds the model's control token {found[0]}")

    def encode(
        self, prompts: Sequence[str], images: Sequence[Sequence[Image.Image]], side: str, **options: Any
    ) -> BatchFeature:
        """Model inputs of rendered prompts: token ids padded on `side`, pixels as the processor makes them.

        Args:
            images: of each prompt; all prompts have equally many.
            options: of the tokenizer, such as ``return_offsets_mapping``.
        """
        bos = self.tokenizer.bos_token
        inputs = self.processor(
            text=list(prompts),
            images=[list(own) for own in images] if images and images[0] else None,
            padding=True,
            padding_side=side,
            return_tensors="pt",
            add_special_tokens=not (bos and prompts[0].startswith(bos)),
            **options,
        )
        if "token_type_ids" not in self.processor.model_input_names:  # some tokenizers make them unasked
            inputs.pop("token_type_ids", None)
        return inputs

    def decode(self, ids: Sequence[int], ends: frozenset[int]) -> tuple[str, int, bool]:
        """A generated row: its text, its number of tokens with the end, and whether it came to an end."""
        row = list(ids)
        at = next((index for index, token in enumerate(row) if token in ends), None)
        text = self.tokenizer.decode(row if at is None else row[:at], skip_special_tokens=True)
        return text.strip(), len(row) if at is None else at + 1, at is not None

    def _check(self) -> None:
        self._fits: dict[int, bool] = {}
        probe = PROBES[0]
        try:
            prompt, whole, pictured = self.render(probe, 0), self.render(probe, 0, PROBES[1]), self.render(probe, 1)
        except Exception as error:  # templates raise what they like
            hint = "Leave out the system message." if self.system is not None else "Give another model."
            raise self._unfit(f"the chat template fails: {_short(error)}", hint) from error
        if probe not in prompt or PROBES[1] not in whole:
            raise self._unfit(
                "the chat template drops the text of a turn", "Give a model with a chat template for text."
            )
        if self.system is not None and self.system.strip() not in prompt:
            raise self._unfit("the chat template drops the system message", "Leave it out, or say it in the prompt.")
        if pictured == prompt or not self._holds(1):
            raise self._unfit("the chat template drops images", "Give an image-text-to-text model's template.")

    def _holds(self, images: int) -> bool:
        token = getattr(self.processor, "image_token", None)
        try:
            texts = [self.render(PROBES[0], count) for count in (0, images)]
        except Exception:
            return False
        if token is None:
            return texts[0] != texts[1]
        return texts[1].count(token) - texts[0].count(token) == images

    def _unfit(self, what: str, remedy: str) -> CheckpointError:
        return CheckpointError(f"{what} ({self.name})", remedy=remedy)


def _shared(first: str, second: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(first), len(second)))


def _message(role: str, text: str, images: int = 0) -> dict[str, Any]:
    return {"role": role, "content": [*({"type": "image"} for _ in range(images)), {"type": "text", "text": text}]}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
