"""Decoder layers of any causal language model, wrapped so that a gated layer runs before them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from .cross_attention import GatedCrossAttention, KeysValues
from .unpadded import Unpadded


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What the gated layers of one forward pass read; it travels as an argument and is forgotten with the call.

    Attributes:
        latents: (b, m, n, D) visual latents, or None.
        keys_values: by decoder layer, where they were computed before (generation), or None.
        mask, looks: see `media.look_mask`.
        weights: collects each gated layer's attention weights if it is a list.
        quick: by decoder layer, another way to compute it, see `frozen_layers`.
        rows: where the tokens stand if the batch comes without its padding.
    """

    latents: Tensor | None = None
    keys_values: dict[int, KeysValues] = field(default_factory=dict)
    mask: Tensor | None = None
    looks: Tensor | None = None
    weights: list[Tensor] | None = None
    quick: dict[int, Callable[..., Tensor]] = field(default_factory=dict)
    rows: Unpadded | None = None

    def until(self, length: int) -> Conditioning:
        """The same for the first tokens of each row."""
        mask, looks = (None if x is None else x.narrow(dim, 0, length) for x, dim in ((self.mask, 2), (self.looks, 1)))
        return replace(self, mask=mask, looks=looks)

    def unpadded(self, rows: Unpadded) -> Conditioning:
        """The same for a batch without its padding."""
        return replace(self, looks=None if self.looks is None else rows.flat(self.looks), rows=rows)


_context: ContextVar[Conditioning | None] = ContextVar("flamingo_conditioning", default=None)


@contextmanager
def conditioning_context(conditioning: Conditioning):
    """Also hand it over beside the call, within the block: some language models drop keyword arguments before they
    reach their layers.
    """
    token = _context.set(conditioning)
    try:
        yield
    finally:
        _context.reset(token)


class FlamingoLayer(nn.Module):
    """Decoder layer `index` of the language model, after its gated layer if it has one.

    Without a `conditioning` argument it is the decoder layer alone.
    """

    def __init__(
        self, *, index: int, decoder_layer: nn.Module, gated_cross_attn_layer: GatedCrossAttention | None
    ) -> None:
        super().__init__()
        self.index = index
        self.decoder_layer = decoder_layer
        self.gated_cross_attn_layer = gated_cross_attn_layer

    def forward(
        self, hidden_states: Tensor, *args: Any, conditioning: Conditioning | None = None, **kwargs: Any
    ) -> Any:
        """(b, t, d) to whatever the decoder layer returns."""
        if conditioning is None:
            conditioning = _context.get()
        if conditioning is not None and self.gated_cross_attn_layer is not None:
            hidden_states = self.gated_cross_attn_layer(
                hidden_states,
                conditioning.latents,
                conditioning.keys_values.get(self.index),
                conditioning.mask,
                conditioning.looks,
                conditioning.weights,
                conditioning.rows,
            )
        quick = None if conditioning is None else conditioning.quick.get(self.index)
        if quick is not None:
            return quick(
                hidden_states, kwargs["attention_mask"], kwargs["position_embeddings"], kwargs.get("past_key_values")
            )
        return self.decoder_layer(hidden_states, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Language models read attributes of their layers (attention type, index): pass them through."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "decoder_layer":
                raise
            return getattr(super().__getattr__("decoder_layer"), name)


def find_layers(language_model: nn.Module) -> nn.ModuleList:
    """The language model's list of decoder layers: the outermost `ModuleList` as long as `num_hidden_layers`.

    Raises:
        ConfigError: there is none, or several equally far out.
    """
    count = language_model.config.num_hidden_layers
    found = [
        (name, module)
        for name, module in language_model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count
    ]
    found.sort(key=lambda item: item[0].count("."))
    if not found or (len(found) > 1 and found[0][0].count(".") == found[1][0].count(".")):
        names = ", ".join(name for name, _ in found) or "none"
        raise ConfigError(
            (
                f"cannot tell which modules are the {count} decoder layers of a {type(language_model).__name__} "
                f"(candidates: {names})"
            ),
            remedy="Use a causal language model with one list of decoder layers.",
        )
    return found[0][1]


def wrap_layers(language_model: nn.Module, gated_layers: dict[int, GatedCrossAttention]) -> nn.ModuleList:
    """Replace every decoder layer by a `FlamingoLayer`; returns the list."""
    layers = find_layers(language_model)
    for index, layer in enumerate(layers):
        layers[index] = FlamingoLayer(index=index, decoder_layer=layer, gated_cross_attn_layer=gated_layers.get(index))
    return layers


class _Arrived(Exception):
    """Ends the probe as soon as the first layer is called."""


class _Probe(nn.Module):
    def forward(self, *args: Any, **kwargs: Any) -> None:
        raise _Arrived("conditioning" in kwargs)


@torch.no_grad()
def passes_keywords(language_model: nn.Module) -> bool:
    """Whether the model's forward hands keyword arguments down to its layers: asked of the model itself, with one
    token.

    Raises:
        ConfigError: its layers are never called.
    """
    layers = find_layers(language_model)
    first = layers[0]
    layers[0] = _Probe()
    try:
        token = torch.zeros(1, 1, dtype=torch.long, device=language_model.get_input_embeddings().weight.device)
        language_model(input_ids=token, use_cache=False, conditioning=Conditioning())
    except _Arrived as arrived:
        return bool(arrived.args[0])
    finally:
        layers[0] = first
    raise ConfigError(f"the forward of {type(language_model).__name__} never calls its decoder layers")
