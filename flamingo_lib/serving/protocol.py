"""The chat completions protocol: requests as OpenAI's clients send them, checked and turned into a chat.

Fields that are not known are passed over, as other servers do; those that would change the answer and are not
supported are refused by name. `draft` is ours: a raw answer that a rewriter is to revise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator

from ..records import Turn
from ..text import is_blank
from .limits import Limits

LEAST_TEMPERATURE = 1e-3
"""Temperatures below it are 0, greedy."""


class RequestError(ValueError):
    """A request that can't be answered.

    Attributes:
        status: the HTTP status.
        param: the field that is wrong.
    """

    def __init__(self, message: str, *, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param = status, param


class ImageUrl(BaseModel):
    """The image of a message's part."""

    url: str


class Part(BaseModel):
    """A part of a message: text or an image."""

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | str | None = None


class Message(BaseModel):
    """A message of the chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]


class StreamOptions(BaseModel):
    """Whether the stream ends with the number of tokens."""

    include_usage: StrictBool = False


class ChatRequest(BaseModel):
    """A request for a chat completion."""

    model_config = ConfigDict(extra="ignore")

    messages: Annotated[list[Message], Field(min_length=1)]
    model: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | list[str] | None = None
    stream: StrictBool = False
    stream_options: StreamOptions | None = None
    draft: str | None = None
    n: int | None = 1
    tools: Any = None
    response_format: Any = None
    logprobs: bool | None = None
    top_p: float | None = None

    @field_validator("seed", mode="before")
    @classmethod
    def _no_seed(cls, value: Any) -> Any:
        return 0 if value is None else value

    @field_validator("temperature", mode="before")
    @classmethod
    def _no_temperature(cls, value: Any) -> Any:
        return 0.0 if value is None else value

    @field_validator("stream", mode="before")
    @classmethod
    def _no_stream(cls, value: Any) -> Any:
        return False if value is None else value


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request.

    Attributes:
        turns: the chat; its last turn lacks a response.
        images: addresses of the images, in the order the turns bring them.
        max_new_tokens, temperature, seed, stop: of the answer.
        system: the request's system message, for models that bring none of their own.
        earlier: answers that the chat has had before this one; answer k is drawn with the generator of `(seed, k)`.
    """

    turns: tuple[Turn, ...]
    images: tuple[str, ...] = ()
    max_new_tokens: int = 160
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    system: str | None = None
    earlier: int = 0


def read_request(request: ChatRequest, limits: Limits, *, default_tokens: int) -> Asked:
    """Check a request and turn its messages into a chat.

    Raises:
        RequestError: what is not supported, beyond a limit, or no chat.
    """
    for name, value in (("tools", request.tools), ("response_format", request.response_format)):
        if value not in (None, [], {"type": "text"}):
            raise RequestError(f"{name} is not supported", param=name)
    if request.n not in (None, 1):
        raise RequestError("n must be 1", param="n")
    if request.logprobs:
        raise RequestError("logprobs are not supported", param="logprobs")
    if request.top_p not in (None, 1, 1.0):
        raise RequestError("top_p is not supported; use temperature", param="top_p")
    if len(request.messages) > limits.turns:
        raise RequestError(f"more than {limits.turns} messages", param="messages")
    system, turns, images = _turns(request)
    texts = [text for turn in turns for text in (turn.instruction, turn.response, turn.draft, system) if text]
    stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    if not all(map(_is_unicode, (*texts, *stop))):
        raise RequestError("a text holds half of a surrogate pair, which is no character", param="messages")
    if sum(map(len, texts)) > limits.characters:
        raise RequestError(f"more than {limits.characters:,} characters", param="messages")
    if len(images) > limits.images:
        raise RequestError(f"more than {limits.images} images", param="messages")
    wanted = request.max_completion_tokens or request.max_tokens or default_tokens
    if wanted > limits.new_tokens:
        raise RequestError(f"max_tokens is more than {limits.new_tokens}", param="max_tokens")
    if len(stop) > 8 or any(not 0 < len(text) <= 200 for text in stop):
        raise RequestError("stop is at most 8 texts of 1 to 200 characters", param="stop")
    temperature = request.temperature if request.temperature >= LEAST_TEMPERATURE else 0.0
    return Asked(turns, images, wanted, temperature, request.seed, stop, system, len(turns) - 1)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _turns(request: ChatRequest) -> tuple[str | None, tuple[Turn, ...], tuple[str, ...]]:
    """System message, turns (a user's message and the assistant's after it), and addresses of the images."""
    system: str | None = None
    turns: list[Turn] = []
    images: list[str] = []
    open_turn: Turn | None = None
    for number, message in enumerate(request.messages):
        text, brought = _content(message, number)
        if message.role in ("system", "developer"):
            if number:
                raise RequestError("a system message stands first", param=f"messages[{number}]")
            if brought:
                raise RequestError("a system message has images", param=f"messages[{number}]")
            system = None if is_blank(text) else text
            continue
        if message.role == "assistant":
            if open_turn is None:
                raise RequestError("an assistant's message answers none", param=f"messages[{number}]")
            if brought:
                raise RequestError("an assistant's message has images", param=f"messages[{number}]")
            turns.append(Turn(open_turn.instruction, text, open_turn.images))
            open_turn = None
            continue
        if open_turn is not None:
            raise RequestError("two user's messages in a row", param=f"messages[{number}]")
        if is_blank(text):
            raise RequestError("the message is empty", param=f"messages[{number}]")
        images += brought
        open_turn = Turn(text, None, len(brought))
    if open_turn is None:
        raise RequestError("the last message is not the user's", param="messages")
    if request.draft is not None and is_blank(request.draft):
        raise RequestError("the draft is empty", param="draft")
    turns.append(Turn(open_turn.instruction, None, open_turn.images, request.draft))
    return system, tuple(turns), tuple(images)


def _content(message: Message, number: int) -> tuple[str, list[str]]:
    if isinstance(message.content, str):
        return message.content, []
    texts, images = [], []
    for part in message.content:
        if part.type == "text":
            texts.append(part.text or "")
            continue
        address = part.image_url.url if isinstance(part.image_url, ImageUrl) else part.image_url
        if not address:
            raise RequestError("an image without its url", param=f"messages[{number}]")
        images.append(address)
    return " ".join(text for text in texts if text), images


def completion(
    name: str, model: str, created: int, text: str, reason: str, prompt_tokens: int, new_tokens: int
) -> dict[str, Any]:
    """A whole answer as the protocol has it."""
    return {
        "id": name,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": reason,
                "logprobs": None,
            }
        ],
        "usage": usage(prompt_tokens, new_tokens),
    }


def chunk(
    name: str, model: str, created: int, delta: dict[str, str], reason: str | None = None, used: Any = None
) -> dict[str, Any]:
    """A piece of a streamed answer; `used` alone, with the tokens' numbers, ends the stream."""
    choices: Sequence[Any] = () if used is not None else ({"index": 0, "delta": delta, "finish_reason": reason},)
    shown = {
        "id": name,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": list(choices),
    }
    return shown if used is None else {**shown, "usage": used}


def usage(prompt_tokens: int, new_tokens: int) -> dict[str, int]:
    """The numbers of tokens."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": new_tokens,
        "total_tokens": prompt_tokens + new_tokens,
    }
