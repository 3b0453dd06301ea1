"""Drafts from any OpenAI-compatible server (`completion_client`); a record that it refuses has no draft."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigError
from .completion_client import KEY_VARIABLE, Completion, CompletionClient, CompletionRequest, Refused, ServerError
from .prompt import Cleaned, build_messages, clean_completion, plain_prompt
from .server_answers import is_address

if TYPE_CHECKING:
    from ..storage import Quarantine
    from .llm import DraftRequest

__all__ = ["KEY_VARIABLE", "Refused", "ServerBackend", "ServerError"]

log = logging.getLogger(__name__)


class ServerBackend:
    """Writes drafts with a model behind an OpenAI-compatible server.

    Args:
        url: the base address, with ``/v1`` if the server has it.
        model: the model's name on the server.
        api: ``"chat"`` sends messages, the last of them the assistant's, to be continued (servers that begin a new
            message instead are understood, too); ``"completions"`` sends one text in Guanaco's format.
        concurrency, requests_per_minute, cache, retries, backoff, timeout: see `CompletionClient`.
        max_new_tokens: at most; a draft never needs more than its response is long.
        temperature: 0 is greedy.
        options: more fields of the request body, e.g. ``{"continue_final_message": True, "add_generation_prompt":
            False}`` for vLLM.
        quarantine: told each record that the server refuses, and why.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api: Literal["chat", "completions"] = "chat",
        concurrency: int = 16,
        requests_per_minute: float | None = None,
        max_new_tokens: int = 256,
        temperature: float = 0.7,
        options: Mapping[str, Any] | None = None,
        cache: str | PathLike | None = None,
        retries: int = 6,
        backoff: float = 1.0,
        timeout: float = 120.0,
        quarantine: Quarantine | None = None,
    ) -> None:
        if not is_address(url):
            raise ConfigError(f"not an address of a server: {url!r}", remedy="Give one like http://localhost:8000/v1.")
        self.url, self.model, self.api = url.rstrip("/"), model, api
        self.max_new_tokens, self.temperature, self.options = max_new_tokens, temperature, dict(options or {})
        self.quarantine = quarantine
        self.client = CompletionClient(
            self.address,
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            cache=cache,
            retries=retries,
            backoff=backoff,
            timeout=timeout,
            remedy="Check the address, the model's name and distortion.backend_options; completed drafts are kept.",
        )
        self.cache = self.client.known

    @property
    def address(self) -> str:
        """The address that requests are sent to."""
        return self.url + ("/chat/completions" if self.api == "chat" else "/completions")

    def body(self, request: DraftRequest) -> dict[str, Any]:
        """The request's JSON body."""
        messages = build_messages(request.instruction, request.response, request.command)
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": min(self.max_new_tokens, len(request.response) // 2 + 16),
            "temperature": self.temperature,
            "seed": request.seed % 2**31,
        }
        if self.api == "chat":
            body["messages"] = messages
        else:
            body |= {"prompt": plain_prompt(messages), "stop": ['"', "### Human"]}
        return body | self.options

    def complete(self, requests: Iterable[DraftRequest]) -> Iterator[Cleaned]:
        """One draft a request, in order; as many requests are read ahead as keep the server busy.

        A record that the server refuses has no draft, and ``"refused"`` as its reason.

        Raises:
            ServerError: the server refuses everything, or does not answer.
        """
        for answer in self.client.complete(map(self._request, requests)):
            yield self._cleaned(answer)

    def _request(self, request: DraftRequest) -> CompletionRequest:
        body = self.body(request)
        return CompletionRequest(request.id, body, self.cache.key(self.url, body), request.seed)

    def _cleaned(self, answer: Completion | Refused) -> Cleaned:
        if not isinstance(answer, Refused):
            return clean_completion(answer.text, stopped=answer.stopped)
        log.warning("the server refused record %s, which is set aside: %s", answer.record, answer.reason)
        if self.quarantine is not None:
            self.quarantine.add(
                file=self.address, record=answer.record, reason=f"the server refused the record: {answer.reason}"
            )
        return Cleaned("", True, "refused")
