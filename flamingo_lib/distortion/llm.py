"""LLM-instructed distortion (docs/method.md, section 1.1): a language model, or rules, writes the curt draft."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Protocol

from ..config import DistortionConfig
from ..errors import ConfigError
from ..seeding import derive_seed, generator
from .commands import StyleCommand, draw_command
from .prompt import Cleaned, rejection
from .rule_backend import distort_by_rules

if TYPE_CHECKING:
    from ..storage import Quarantine


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """One response to distort.

    Attributes:
        id: the record's.
        instruction, response: what was asked, and the polite answer.
        command: the style command drawn for it, if any.
        seed: for the backend's own choices.
    """

    id: str
    instruction: str
    response: str
    command: StyleCommand | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """The distorted response, or why it was rejected.

    `rejected` is a reason of `prompt.rejection`, ``"too_long"`` for the model's context, or ``"refused"`` by a server.
    """

    request: DraftRequest
    text: str
    rejected: str = ""

    @property
    def command(self) -> str:
        """The style command's name, ``""`` if none was given."""
        return self.request.command.name if self.request.command else ""


class Backend(Protocol):
    """Writes drafts: one `Cleaned` for each request, in order, independent of how requests are batched."""

    def complete(self, requests: Iterable[DraftRequest]) -> Iterator[Cleaned]:
        """The drafts of `requests`."""
        ...


class RulesBackend:
    """Offline: performs the style commands as text operations."""

    def complete(self, requests: Iterable[DraftRequest]) -> Iterator[Cleaned]:
        """The drafts of `requests`."""
        for request in requests:
            draft = distort_by_rules(
                request.instruction, request.response, request.command, generator(request.seed, "rules")
            )
            yield Cleaned(draft, True)


class LlmDistorter:
    """Draws a style command for each record, lets the backend write, and gates what comes back.

    Args:
        backend: writes the drafts.
        style_probability: that one of the 24 commands is given.

    Attributes:
        counts: how many drafts were kept, and how many rejected for each reason.
    """

    def __init__(self, backend: Backend, *, style_probability: float = 0.5) -> None:
        self.backend, self.style_probability = backend, style_probability
        self.counts: Counter[str] = Counter()

    def request(self, instruction: str, response: str, record_id: str, seed: int) -> DraftRequest:
        """The request for one record; all its randomness comes from `(seed, record_id)`."""
        command = draw_command(generator(seed, "command", record_id), self.style_probability)
        return DraftRequest(record_id, instruction, response, command, derive_seed(seed, "draft", record_id))

    def drafts(self, requests: Iterable[DraftRequest]) -> Iterator[Draft]:
        """A draft for each request, in order; rejected ones too."""
        waiting: deque[DraftRequest] = deque()

        def remembered() -> Iterator[DraftRequest]:
            for request in requests:
                waiting.append(request)
                yield request

        for cleaned in self.backend.complete(remembered()):
            request = waiting.popleft()
            reason = cleaned.reason or rejection(cleaned.text, request.response, closed=cleaned.closed)
            self.counts[reason or "kept"] += 1
            yield Draft(request, cleaned.text, reason)

    def distort(self, instruction: str, response: str, record_id: str, seed: int = 0) -> Draft:
        """The draft of a single record."""
        return next(self.drafts([self.request(instruction, response, record_id, seed)]))


def open_backend(
    config: DistortionConfig, cache: str | PathLike | None = None, quarantine: Quarantine | None = None
) -> Backend:
    """The backend that `config` names.

    Args:
        config: its `backend` is ``"rules"``, ``"transformers"`` or ``"server"``.
        cache: a JSON lines file in which model backends keep every completion, so that an interrupted run continues.
        quarantine: told each record that a server refuses.

    Raises:
        ConfigError: a model or address is missing.
    """
    if config.backend == "rules":
        return RulesBackend()
    if not config.backend_model:
        raise ConfigError(
            f"the distortion backend {config.backend!r} needs a model",
            remedy="Set distortion.backend_model to a folder, hub or server name.",
        )
    if config.backend == "transformers":
        from .local import TransformersBackend

        return TransformersBackend(
            config.backend_model,
            batch_size=config.backend_batch_size,
            max_new_tokens=config.backend_max_new_tokens,
            temperature=config.backend_temperature,
            cache=cache,
        )
    if not config.backend_url:
        raise ConfigError(
            "the distortion backend 'server' needs an address",
            remedy="Set distortion.backend_url, e.g. http://localhost:8000/v1.",
        )
    from .server import ServerBackend

    return ServerBackend(
        config.backend_url,
        config.backend_model,
        api=config.backend_api,
        concurrency=config.backend_concurrency,
        requests_per_minute=config.backend_requests_per_minute,
        max_new_tokens=config.backend_max_new_tokens,
        temperature=config.backend_temperature,
        options=config.backend_options,
        cache=cache,
        quarantine=quarantine,
    )
