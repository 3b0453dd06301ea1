"""A model behind an OpenAI-compatible server (vLLM, SGLang, llama.cpp, Ollama) as the rewriter.

Answers are kept in a file as they come, so that a job that goes on asks for the rest alone. A record that the server
refuses is set aside with its reason; a server that refuses everything ends the job at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import RewritingConfig
from ...distortion.completion_cache import CompletionCache
from ...distortion.completion_client import (
    Completion,
    CompletionClient,
    CompletionRequest,
    Refused,
    ServerError,
    authorization,
)
from ...errors import ConfigError, DataError
from ...records import Rewrite, Sample
from ..rewriter import flags_of, without_output
from .batch_files import BatchAnswers
from .server_requests import RequestBuilder
from .settings import BackendConfig

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

MODELS_SHOWN = 5


class ServerRewriter:
    """Rewrites samples with a model behind a server, several requests under way at once.

    Flags are those of `FlamingoRewriter`, and ``refused`` for a record that the server refuses.

    Args:
        model: its name on the server.
        pictures: opens a sample's images, such as `Pictures`; they travel as data URIs.
        config: length limit, temperature.
        settings: the server's address, the prompt, and how it is asked; with `batch_in`, answers are read from files.
        seed: sent with each request, derived from the record's id.
        memory: the file that keeps answers; None keeps none.

    Raises:
        ConfigError: no address, or one that is none; files of answers that are none.
    """

    def __init__(
        self,
        model: str,
        pictures: Callable[[Sample], list[Image.Image]],
        config: RewritingConfig | None = None,
        settings: BackendConfig | None = None,
        *,
        seed: int = 0,
        memory: str | PathLike | None = None,
    ) -> None:
        settings = settings or BackendConfig(kind="server")
        self.model, self.settings = model, settings
        self.requests = RequestBuilder(model, pictures, config or RewritingConfig(), settings, seed)
        self.batch = BatchAnswers(settings.batch_in, self._check_answer) if settings.batch_in else None
        self.client = None if self.batch is not None else self._client(memory)
        self.tokens, self.tokens_read = 0, 0
        self._asked_for_models = False

    def rewrite(self, samples: Sequence[Sample], progress: Callable[[int], None] | None = None) -> list[Rewrite]:
        """One `Rewrite` for each sample, in order; see `RewriterBackend`.

        Raises:
            ConfigError: the server has no model of that name.
            ServerError: it refuses everything, does not answer in spite of all retries, or answers by another model.
        """
        results: dict[str, Rewrite] = {}
        asked = self._requests(samples, results, progress)
        self.check_models()
        answers = self._answers(asked) if self.batch is None else self.batch.answers(asked)
        by_id = {sample.id: sample for sample in samples}
        for name, answer in answers:
            results[name] = self._rewrite(by_id[name], answer)
            if progress is not None:
                progress(1)
        return [results[sample.id] for sample in samples]

    __call__ = rewrite

    def _requests(
        self, samples: Sequence[Sample], results: dict[str, Rewrite], progress: Callable[[int], None] | None
    ) -> Iterator[CompletionRequest]:
        """Requests as they are needed; samples whose images cannot be read are set aside in `results`."""
        for sample in samples:
            try:
                yield self.requests.request(sample)
            except DataError as error:
                results[sample.id] = without_output(sample, "unreadable_image", error)
                if progress is not None:
                    progress(1)

    def _answers(self, asked: Iterator[CompletionRequest]) -> Iterator[tuple[str, Completion | Refused]]:
        assert self.client is not None  # there is one unless answers are read from files
        names: list[str] = []

        def noted() -> Iterator[CompletionRequest]:
            for request in asked:
                names.append(request.id)
                yield request

        for position, answer in enumerate(self.client.complete(noted())):
            yield names[position], answer

    def _rewrite(self, sample: Sample, answer: Completion | Refused) -> Rewrite:
        if isinstance(answer, Refused):
            log.warning("the server refused record %s, which is set aside: %s", answer.record, answer.reason)
            return without_output(sample, "refused", answer.reason)
        if answer.usage is not None and not answer.cached:
            self.tokens_read += answer.usage[0]
            self.tokens += answer.usage[1]
        text = answer.text.strip()
        if not text:
            return without_output(sample, "refused", "an answer without text")
        return Rewrite(sample, text, flags_of(text, answer.stopped))

    def _client(self, memory: str | PathLike | None) -> CompletionClient:
        settings = self.settings
        if not settings.url:
            raise ConfigError("no server is named", remedy="Give --url, such as http://localhost:8000/v1.")
        return CompletionClient(
            settings.url.rstrip("/") + "/chat/completions",
            concurrency=settings.concurrency,
            requests_per_minute=settings.requests_per_minute,
            cache=memory,
            retries=settings.retries,
            backoff=settings.backoff,
            timeout=settings.timeout,
            check=self._check_answer,
        )

    def _check_answer(self, answer: Any) -> None:
        """A `ServerError` if an answer says that another model wrote it."""
        named = answer.get("model") if isinstance(answer, Mapping) else None
        if isinstance(named, str) and named and not same_model(named, self.model, self.settings.answers_as):
            raise ServerError(
                f"the server was asked for the model {self.model!r}, and answers as {named!r}",
                file=self.settings.url,
                remedy=f"Ask for that one, or say that it is the same: --backend-set 'answers_as=[\"{named}\"]'.",
            )

    def check_models(self) -> None:
        """A `ConfigError` if the server lists its models, and this one is not among them; it is asked once."""
        if self._asked_for_models or self.batch is not None:
            return
        self._asked_for_models = True
        names = served_models(str(self.settings.url), self.settings.timeout)
        if names and not any(same_model(name, self.model, self.settings.answers_as) for name in names):
            more = f" and {len(names) - MODELS_SHOWN} more" if len(names) > MODELS_SHOWN else ""
            raise ConfigError(
                f"the server has no model {self.model!r}; it has {', '.join(names[:MODELS_SHOWN])}{more}",
                remedy="Give one of these as --rewriter.",
            )


def same_model(named: str, asked: str, others: Sequence[str] = ()) -> bool:
    """Whether a model called `named` may be the one called `asked`.

    Servers add a date or a version to a name (``gpt-4o-2024-08-06``, ``llava:latest``), or leave out its folder.
    """
    if named == asked or named in others:
        return True
    short, wanted = Path(named).name.lower(), Path(asked).name.lower()
    return short == wanted or short.startswith((f"{wanted}-20", f"{wanted}:", f"{wanted}."))


def served_models(url: str, timeout: float) -> list[str]:
    """Names of the models that a server lists; empty if it lists none, or does not answer."""
    import httpx

    try:
        answer = httpx.get(url.rstrip("/") + "/models", headers=authorization(), timeout=min(timeout, 30.0))
        if answer.status_code != 200:
            return []
        return [str(item["id"]) for item in answer.json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return []  # the requests themselves will say what is wrong


def usage_report(settings: BackendConfig, memory: Path) -> dict[str, Any] | None:
    """What a job's answers took, all runs together: answers, tokens read and written, and with a price their cost.

    Args:
        settings: the price, and the batch's answers if they were read from files.
        memory: the file that keeps a server's answers; without it, and without a batch, there is no report.
    """
    if settings.batch_in:
        counts = BatchAnswers(settings.batch_in, lambda answer: None).usage()
    elif memory.is_file():
        counts = CompletionCache(memory).usage()
    else:
        return None
    report: dict[str, Any] = dict(zip(("answers", "tokens_read", "tokens_written"), counts, strict=True))
    if settings.price is not None:
        report["cost"] = round((counts[1] * settings.price[0] + counts[2] * settings.price[1]) / 1e6, 6)
    return report
