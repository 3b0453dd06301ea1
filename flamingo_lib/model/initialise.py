"""Start values of every part outside the language model, also where a checkpoint lacks one."""

from __future__ import annotations

import torch
from torch import nn

from .cross_attention import GatedCrossAttention
from .resampler import PerceiverResampler


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Give one module (not its children) its start values.

    | part | start |
    |---|---|
    | gates | `config.gate_init` |
    | latents | normal, 1 |
    | learned positions and slots | normal, 0.5 |
    | the tower's class and position embeddings and projection | normal, width ** -0.5 |
    | everything else | its module's own default |
    """
    init = nn.init
    if isinstance(module, GatedCrossAttention):
        init.constant_(module.attn_gate, module.gate_init)
        init.constant_(module.ff_gate, module.gate_init)
    elif isinstance(module, PerceiverResampler):
        init.normal_(module.latents)
    elif isinstance(module, nn.MultiheadAttention):
        module._reset_parameters()
    elif hasattr(module, "reset_parameters"):
        module.reset_parameters()
    for name, weight in module.named_parameters(recurse=False):
        if name in ("positions", "slots"):
            init.normal_(weight, std=0.5)
        elif name in ("class_embedding", "positional_embedding", "proj"):
            init.normal_(weight, std=weight.shape[-1] ** -0.5)
