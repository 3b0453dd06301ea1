"""OpenAI batch files: a job's requests written for a cluster to work on, its answers read back by ``custom_id``.

A ``custom_id`` is the record's id and a hash of its request, so that answers to other requests, as of another prompt,
are never taken for these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ...distortion.completion_client import REFUSED_AT_START, Completion, CompletionRequest, Refused, ServerError
from ...distortion.server_answers import NoText, read_completion, token_usage
from ...errors import ConfigError, DataError
from ...records import Sample
from ...storage import atomic_write
from .server_requests import RequestBuilder

MAX_REQUESTS, MAX_BYTES = 50_000, 190 << 20
"""Bounds of one file, as OpenAI sets them (200 MB)."""

ENDPOINT = "/v1/chat/completions"

REASON = 300
"""Characters of a server's reason that are kept."""


def custom_id(request: CompletionRequest) -> str:
    """The record's id and a hash of its request."""
    return f"{request.id}#{request.key}"


def write_batch_files(samples: Iterable[Sample], builder: RequestBuilder, path: Path) -> dict[str, Any]:
    """Write the requests of `samples` to `path`, or where that is too large, also to ``NAME-2.jsonl`` and so on.

    Returns:
        ``files`` (paths), ``requests``, and ``unreadable``: ids of samples whose images cannot be read, with reasons.
    """
    report: dict[str, Any] = {"files": [], "requests": 0, "unreadable": {}}
    stream, held = _lines(samples, builder, report["unreadable"]), None
    while held is not None or not report["files"]:
        name = path if not report["files"] else path.with_name(f"{path.stem}-{len(report['files']) + 1}{path.suffix}")
        size = count = 0
        with atomic_write(name, "wb") as file:
            for line in chain([held] if held is not None else [], stream):
                held = None
                if count and (count >= MAX_REQUESTS or size + len(line) > MAX_BYTES):
                    held = line
                    break
                file.write(line)
                count, size = count + 1, size + len(line)
        report["files"].append(str(name))
        report["requests"] += count
    return report


def _lines(samples: Iterable[Sample], builder: RequestBuilder, unreadable: dict[str, str]) -> Iterator[bytes]:
    for sample in samples:
        try:
            request = builder.request(sample)
        except DataError as error:
            unreadable[sample.id] = str(error)
            continue
        line = {"custom_id": custom_id(request), "method": "POST", "url": ENDPOINT, "body": request.body}
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


class BatchAnswers:
    """Answers of batch files, found by ``custom_id``; the files are read once, their texts stay on disk.

    Args:
        paths: files of answers, each line ``{"custom_id", "response": {"status_code", "body"}, "error"}``.
        check: looks at each answer's JSON and raises a `FlamingoError`, as for another model's answer.

    Raises:
        ConfigError: no file, or the same record answered twice.
        DataError: a line that is no answer; file and line are named.
    """

    def __init__(self, paths: Sequence[str], check: Callable[[Any], None]) -> None:
        self.check = check
        self.where: dict[str, tuple[Path, int]] = {}
        self.found = self.accepted = self.refused = 0
        for path in map(Path, paths):
            if not path.is_file():
                raise ConfigError("there is no such file of answers", file=path, remedy="Give the batch's output file.")
            self._index(path)

    def _index(self, path: Path) -> None:
        offset = 0
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    try:
                        values = json.loads(line)
                        name = values["custom_id"]
                    except (ValueError, KeyError, TypeError, RecursionError):
                        raise DataError("not a line of batch answers", file=path, record=f"line {number}") from None
                    if self.where.setdefault(name, (path, offset)) != (path, offset):
                        raise ConfigError(
                            "two answers for one request", file=path, record=name, remedy="Give each file once."
                        )
                offset += len(line)

    def answers(self, requests: Iterable[CompletionRequest]) -> Iterator[tuple[str, Completion | Refused]]:
        """Each record's id and answer.

        Raises:
            DataError: not one of the requests so far has an answer.
            ServerError: the batch refused everything.
        """
        first = None
        missing: list[str] = []
        for request in requests:
            first = first or custom_id(request)
            location = self.where.get(custom_id(request))
            if location is None:
                missing.append(request.id)
                continue
            self.found += 1
            yield request.id, self._counted(self._answer(request.id, *location), location[0])
        if missing and not self.found:
            raise DataError(
                f"the batch answers none of these {len(missing)} records (looked for {first!r})",
                record=missing[0],
                remedy="Give the answers to the requests that --batch-out wrote with the same sources and settings.",
            )
        for name in missing:
            yield name, Refused(name, "the batch holds no answer to this request")

    def usage(self) -> tuple[int, int, int]:
        """All answers' count, and the tokens that were read and written for those whose server counted them."""
        counts = [0, 0]
        for path, offset in self.where.values():
            answer = self._answer("", path, offset)
            if isinstance(answer, Completion) and answer.usage is not None:
                counts = [counts[0] + answer.usage[0], counts[1] + answer.usage[1]]
        return len(self.where), counts[0], counts[1]

    def _counted(self, answer: Completion | Refused, path: Path) -> Completion | Refused:
        """The answer; a batch in which nothing was accepted is no matter of single records."""
        if isinstance(answer, Completion):
            self.accepted += 1
            return answer
        self.refused += 1
        if self.refused >= REFUSED_AT_START and not self.accepted:
            raise ServerError(
                f"the batch refused {self.refused} records in a row, the last: {answer.reason}",
                file=path,
                record=answer.record,
                remedy="Look at the batch's errors, and send the requests again.",
            )
        return answer

    def _answer(self, name: str, path: Path, offset: int) -> Completion | Refused:
        with open(path, "rb") as file:
            file.seek(offset)
            values = json.loads(file.readline())
        try:
            response = values.get("response") or {}
            status = response.get("status_code", 200)
            if values.get("error") or status != 200:
                what = values.get("error") or response.get("body")
                return Refused(name, f"status {status}: {' '.join(json.dumps(what).split())[:REASON]}")
            self.check(response["body"])
            return Completion(*read_completion(response["body"]), token_usage(response["body"]))
        except NoText as error:
            return Refused(name, str(error))
        except (KeyError, TypeError, IndexError, AttributeError):
            return Refused(name, "an answer that is no completion")
