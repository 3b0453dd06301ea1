"""Metrics of the endpoint in Prometheus' text format, by its client library."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

PATHS = frozenset(("/", "/health", "/metrics", "/v1/models", "/v1/chat/completions"))
SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class ServerMetrics:
    """Counts of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        options: Any = {"registry": self.registry, "namespace": "flamingo"}
        self.requests = Counter("requests", "requests by path and status", ["path", "status"], **options)
        self.prompt_tokens = Counter("prompt_tokens", "tokens read", **options)
        self.new_tokens = Counter("new_tokens", "tokens written", **options)
        self.in_flight = Gauge("in_flight", "requests that wait or are being answered", **options)
        self.first_token = Histogram(
            "first_token_seconds", "seconds to an answer's first text", buckets=SECONDS, **options
        )
        self.batch_rows = Histogram("batch_rows", "requests answered together", buckets=(1, 2, 4, 8, 16, 32), **options)
        self.batch_seconds = Histogram("batch_seconds", "seconds of a batch", buckets=SECONDS, **options)

    def request(self, path: str, status: int) -> None:
        """Count a request; unknown paths are counted together."""
        self.requests.labels(path if path in PATHS else "other", str(status)).inc()

    def first(self, seconds: float) -> None:
        """Note the time to the first text of an answer."""
        self.first_token.observe(seconds)

    def answered(self, prompt_tokens: int, new_tokens: int) -> None:
        """Count the tokens of an answer."""
        self.prompt_tokens.inc(prompt_tokens)
        self.new_tokens.inc(new_tokens)

    def batch(self, rows: int, seconds: float) -> None:
        """Note a batch."""
        self.batch_rows.observe(rows)
        self.batch_seconds.observe(seconds)

    def text(self) -> str:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry).decode()
