"""Decoder layers of any causal language model, wrapped so that a gated layer runs before them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ..errors import ConfigError
from .conditioning import Conditioning, current_conditioning
from .cross_attention import GatedCrossAttention


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
        conditioning = current_conditioning.get() if conditioning is None else conditioning
        if conditioning is not None and self.gated_cross_attn_layer is not None:
            hidden_states = self.gated_cross_attn_layer(
                hidden_states,
                conditioning.latents,
                conditioning.keys_values.get(self.index),
                conditioning.mask,
                conditioning.has_image,
                **conditioning.options,
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


def find_layers(language_model: PreTrainedModel) -> nn.ModuleList:
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
        what = f"cannot tell which modules are the {count} decoder layers of a {type(language_model).__name__}"
        remedy = "Use a causal language model with one list of decoder layers."
        raise ConfigError(f"{what} (candidates: {names})", remedy=remedy)
    return found[0][1]


def wrap_layers(language_model: PreTrainedModel, gated_layers: dict[int, GatedCrossAttention]) -> nn.ModuleList:
    """Replace every decoder layer by a `FlamingoLayer`; returns the list."""
    layers = find_layers(language_model)
    for index, layer in enumerate(layers):
        layers[index] = FlamingoLayer(index=index, decoder_layer=layer, gated_cross_attn_layer=gated_layers.get(index))
    return layers


class _Reached(Exception):
    """Ends the probe as soon as the first layer is called."""


class _Probe(nn.Module):
    def forward(self, *args: Any, **kwargs: Any) -> None:
        raise _Reached("conditioning" in kwargs)


@torch.no_grad()
def passes_keywords(language_model: PreTrainedModel) -> bool:
    """Whether the model's forward hands keyword arguments down to its layers: asked with one token.

    Raises:
        ConfigError: its layers are never called.
    """
    layers = find_layers(language_model)
    first = layers[0]
    layers[0] = _Probe()
    try:
        token = torch.zeros(1, 1, dtype=torch.long, device=language_model.get_input_embeddings().weight.device)
        language_model(input_ids=token, use_cache=False, conditioning=Conditioning())
    except _Reached as reached:
        return bool(reached.args[0])
    finally:
        layers[0] = first
    raise ConfigError(f"the forward of {type(language_model).__name__} never calls its decoder layers")
