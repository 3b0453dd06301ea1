"""Requests of the server backend: OpenAI chat messages with the images as data URIs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...config import RewritingConfig
from ...distortion.completion_client import CompletionRequest
from ...images import data_uri
from ...records import Sample
from ...seeding import derive_seed
from ...storage import fingerprint
from ..pictures import picture_key
from .prompt import user_text
from .settings import BackendConfig

if TYPE_CHECKING:
    from PIL import Image

URIS_KEPT = 32
"""Encoded images kept for the next records that show them."""


class RequestBuilder:
    """Makes each sample's request; the same sample always gives the same.

    Args:
        model: the model's name on the server.
        pictures: opens a sample's images.
        config: length limit, temperature.
        settings: prompt, system message, image format, more fields of the body.
        seed: of the requests' own seeds.
    """

    def __init__(
        self,
        model: str,
        pictures: Callable[[Sample], list[Image.Image]],
        config: RewritingConfig,
        settings: BackendConfig,
        seed: int,
    ) -> None:
        self.model, self.pictures, self.config, self.settings, self.seed = model, pictures, config, settings, seed
        self.template = settings.template
        self._uris: OrderedDict[tuple, list[str]] = OrderedDict()

    def request(self, sample: Sample) -> CompletionRequest:
        """The request; `DataError` if an image cannot be read."""
        body = self.body(sample)
        return CompletionRequest(sample.id, body, fingerprint("rewrite", body), derive_seed(self.seed, sample.id))

    def body(self, sample: Sample) -> dict[str, Any]:
        """The JSON body: messages with images before the text, limits, and the settings' own fields."""
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": uri}} for uri in self._data_uris(sample)
        ]
        content.append({"type": "text", "text": user_text(self.template, sample.instruction, sample.raw)})
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if self.settings.system is not None:
            messages.insert(0, {"role": "system", "content": self.settings.system})
        return {
            "model": self.model,
            "messages": messages,
            "max_tokens": self.config.max_new_tokens,
            "temperature": self.config.temperature,
            "seed": derive_seed(self.seed, "rewrite", sample.id) % 2**31,
            **self.settings.options,
        }

    def _data_uris(self, sample: Sample) -> list[str]:
        if not sample.images:
            return []
        key = picture_key(sample)
        if key not in self._uris:
            self._uris[key] = [data_uri(image, self.settings.image_format) for image in self.pictures(sample)]
            if len(self._uris) > URIS_KEPT:
                self._uris.popitem(last=False)
        self._uris.move_to_end(key)
        return self._uris[key]
