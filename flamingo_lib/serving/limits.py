"""Limits of the endpoint: how much one request may ask for, and how many may wait."""

from __future__ import annotations

from pydantic import Field

from ..config_types import Frozen


class Limits(Frozen):
    """Bounds of one server; what is beyond them is refused before memory is taken."""

    body_bytes: int = Field(32 << 20, ge=1024, description="bytes of a request's body")
    body_seconds: float = Field(20.0, gt=0, description="seconds that a request's body may take to arrive")
    head_seconds: float = Field(10.0, gt=0, description="seconds that a request's head may take to arrive")
    connections: int = Field(256, ge=1, description="open connections; more are closed with 503")
    image_pixels: int = Field(40_000_000, ge=1, description="pixels of an image, by its header")
    images: int = Field(8, ge=0, description="images of a request")
    turns: int = Field(64, ge=1, description="messages of a request")
    characters: int = Field(60_000, ge=1, description="characters of a request's texts together")
    new_tokens: int = Field(1024, ge=1, description="tokens of an answer")
    in_flight: int = Field(64, ge=1, description="requests that are answered or wait; more get 429")
    batch_rows: int = Field(16, ge=1, description="requests answered together")
    batch_tokens: int = Field(32_768, ge=64, description="rows times longest prompt and answer of a batch")
    retry_after: int = Field(2, ge=1, description="seconds after which a refused client may try again")
