"""Makes a small Llama-like Flamingo fast on a CPU: `optimize_for_cpu(model)`, undone by `restore(model)`.

Called where a model is loaded and where its training is prepared. Nothing here looks at the model in a forward pass:
what is frozen, and for decoding every weight, is copied when the function is called. Where such weights change
afterwards (by `load_state_dict`, say) it has to be called again.

With the environment variable `FLAMINGO_CPU=off` it does nothing, and the plain model computes everything.
"""

from __future__ import annotations

import logging

from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.generation import ModelDecoder
from .decoder import PackedWeights
from .eligibility import agree, loss_and_gradients, next_logits, reason_against
from .llama_layer import FusedLlamaLayer
from .training_step import training_loss

__all__ = ["optimize_for_cpu", "restore"]

logger = logging.getLogger(__name__)


def optimize_for_cpu(model: FlamingoForConditionalGeneration) -> FlamingoForConditionalGeneration:
    """Make the model fast on this CPU in the mode it is in, if it can be; returns the same model.

    - In training mode: frozen decoder layers are fused, with LoRA as it is at each step, and padding is left out of
      the loss that training takes (`model.training_loss`).
    - In evaluation mode: `generate_batch` decodes without modules (`model.decoder`).

    State-dict names and results stay as they are, but for rounding: a tiny batch is computed both ways, and the model
    left as it was if they differ. The log says what was done, or why nothing was.
    """
    restore(model)
    reason = reason_against(model) or (_optimize_training if model.training else _optimize_decoding)(model)
    if reason is not None:
        logger.info("the model is left as it is on this CPU: %s", reason)
    return model


def restore(model: FlamingoForConditionalGeneration) -> FlamingoForConditionalGeneration:
    """Undo `optimize_for_cpu`; returns the same model."""
    for layer in model.layers:
        layer.decoder_layer.__dict__.pop("forward", None)
    for name in ("training_loss", "decoder"):
        model.__dict__.pop(name, None)
    return model


def _optimize_training(model: FlamingoForConditionalGeneration) -> str | None:
    expected = loss_and_gradients(model, fast=False)
    layers = list(model.layers)
    for layer in layers:
        layer.decoder_layer.forward = FusedLlamaLayer(layer.decoder_layer, is_last=layer is layers[-1])
    if not agree(loss_and_gradients(model, fast=True), expected):
        restore(model)
        return "the fused layers give other results"
    model.training_loss = training_loss
    logger.info("training on this CPU: %d frozen layers fused, padding left out", len(layers))
    return None


def _optimize_decoding(model: FlamingoForConditionalGeneration) -> str | None:
    weights = PackedWeights(model)
    if not agree(next_logits(model, weights), next_logits(model, ModelDecoder)):
        return "decoding without modules gives other results"
    model.decoder = weights
    logger.info("decoding on this CPU: without modules, weights packed")
    return None
