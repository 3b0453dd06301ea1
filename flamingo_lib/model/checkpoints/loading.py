"""Released checkpoints into a Flamingo, with a report of what was loaded and what was not, all by name.

OpenFlamingo's files hold the resampler, the gated layers and the input embeddings; Polite and Clever Flamingo's hold
LoRA matrices and whatever else was tuned. The frozen rest (tower and language model) comes with the model. A part that
should have come and did not is refused. Names are matched in `names`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...errors import CheckpointError
from ...weight_files import read_adapter, read_state
from ..lora import add_lora, adopt_lora, lora_state
from ..trainable import GROUPS, PARTS, part_of
from .names import match_names

if TYPE_CHECKING:
    from ..flamingo import FlamingoForConditionalGeneration

Source = str | os.PathLike | Mapping[str, Tensor]
"""A file, a folder, or the tensors themselves."""

TRAINED = r"gated_cross_attn|perceiver\.layers|\.lora_"
"""In a checkpoint's names: a weight that somebody trained, and that must not be dropped."""

GUANACO_RANK, GUANACO_ALPHA = 64, 16
"""LoRA of the released checkpoints: that of the Guanaco-7B adapter they began from."""


@dataclass
class LoadReport:
    """What became of every name.

    Attributes:
        loaded: our name of each weight that was loaded, and the file it came from last.
        initial: our names of weights that kept what they had before: the frozen parts, if all went well.
        unexpected: names in the files that fit nothing.
        ignored: names in the files that no Flamingo needs (CLIP's text tower, old buffers, second names).
    """

    loaded: dict[str, str] = field(default_factory=dict)
    initial: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        titles, lines = ("loaded", "kept their initial value", "not expected", "not needed"), []
        for title, names in zip(titles, (self.loaded, self.initial, self.unexpected, self.ignored), strict=True):
            lines += [f"{title}: {len(names)}", *(f"  {name}" for name in list(names)[:8])]
            lines += [f"  ... and {len(names) - 8} more"] if len(names) > 8 else []
        return "\n".join(lines)


def load_openflamingo(
    model: FlamingoForConditionalGeneration, checkpoint: Source, *, allow_missing: Iterable[str] = ()
) -> LoadReport:
    """Load an OpenFlamingo checkpoint: resampler, gated layers, input embeddings.

    Args:
        model: of the checkpoint's sizes, with its frozen parts in place.
        checkpoint: what `torch.save` or safetensors wrote.
        allow_missing: names of parts (see `trainable.PARTS`) that may be missing.

    Raises:
        CheckpointError: missing or unreadable file, a file that would run code, a weight of another shape, a missing
            part.
    """
    return _load(model, [checkpoint], {*GROUPS["connector"], "embeddings"} - set(allow_missing))


def load_clever_flamingo(
    model: FlamingoForConditionalGeneration,
    checkpoint: Source,
    *,
    base: Source | None = None,
    rank: int = GUANACO_RANK,
    alpha: int = GUANACO_ALPHA,
    allow_missing: Iterable[str] = (),
) -> LoadReport:
    """Load Clever Flamingo: LoRA, resampler and cross-attention, over the OpenFlamingo checkpoint it was tuned from.

    Args:
        base: the OpenFlamingo checkpoint, which holds what the tuning left frozen; None if `checkpoint` holds
            everything.
        rank, alpha: of LoRA, if the model has none yet.

    Raises:
        CheckpointError: as `load_openflamingo`.
    """
    if not model.config.lora:
        add_lora(model, rank, alpha)
    sources = [source for source in (base, checkpoint) if source is not None]
    return _load(model, sources, {*GROUPS["connector"], "embeddings", "lora"} - set(allow_missing))


def load_polite_flamingo(
    model: FlamingoForConditionalGeneration,
    checkpoint: Source,
    *,
    base: Source | None = None,
    clever: Source | None = None,
    generation: int = 1,
    rank: int = GUANACO_RANK,
    alpha: int = GUANACO_ALPHA,
    allow_missing: Iterable[str] = (),
) -> LoadReport:
    """Load the rewriter, Polite Flamingo: LoRA over what it was tuned from.

    Args:
        base: the OpenFlamingo checkpoint.
        clever: for generation 2 the Clever Flamingo checkpoint, on top of which it was tuned.
        generation: 1 or 2.

    Raises:
        CheckpointError: as `load_openflamingo`, or generation 2 without `clever`.
    """
    if (generation == 2) != (clever is not None):
        what = f"generation {generation} {'needs' if generation == 2 else 'takes no'} Clever Flamingo checkpoint"
        remedy = "Generation 1 was tuned from OpenFlamingo, generation 2 from Clever Flamingo."
        raise CheckpointError(what, remedy=remedy)
    if not model.config.lora:
        add_lora(model, rank, alpha)
    sources = [source for source in (base, clever, checkpoint) if source is not None]
    required = {*GROUPS["connector"], "embeddings", "lora"} - set(allow_missing)
    return _load(model, sources, required, last_must_hold="lora")


def load_plain_lora(model: FlamingoForConditionalGeneration, adapter: str | os.PathLike) -> LoadReport:
    """Load the PEFT adapter of a plain language model (Guanaco-7B on LLaMA-7B) into the wrapped one.

    Such an adapter calls layer 0 `layers.0`; in a Flamingo it is `layers.0.decoder_layer`. PEFT's own loader finds no
    match, warns, and leaves every LoRA B at zero, so that nothing was loaded. Here the names are mapped and every B is
    looked at.

    Args:
        adapter: a folder with `adapter_config.json` and the weights. LoRA of its rank is added if the model has none.

    Raises:
        CheckpointError: the adapter fits another model, has another rank, or leaves a LoRA B at zero.
    """
    settings, given = read_adapter(adapter)
    adopt_lora(model, settings, adapter)
    inside = model.layers_path.split(".", 1)[1]

    def wrapped(name: str) -> str:
        head, found, tail = name.partition(inside + ".")
        index, _, rest = tail.partition(".")
        return name if not found or rest.startswith("decoder_layer.") else f"{head}{found}{index}.decoder_layer.{rest}"

    report = _load(model, [{wrapped(name): weight for name, weight in given.items()}], set(), label=str(adapter))
    if report.unexpected:
        raise CheckpointError(
            f"{report.unexpected[0]} of the adapter fits nothing", file=adapter, remedy="Is it for this language model?"
        )
    zero = zero_lora(model)
    if zero:
        what = f"{len(zero)} LoRA B are still zero, the first {zero[0]}"
        raise CheckpointError(what, file=adapter, remedy="The adapter lacks these layers.")
    return report


def zero_lora(model: FlamingoForConditionalGeneration) -> list[str]:
    """Names of the LoRA B that hold nothing but zeros: adapters that do nothing."""
    return [name for name, weight in lora_state(model).items() if ".lora_B." in name and not bool(weight.any())]


@torch.no_grad()
def _load(
    model: FlamingoForConditionalGeneration,
    sources: list[Source],
    required: set[str],
    *,
    last_must_hold: str | None = None,
    label: str | None = None,
) -> LoadReport:
    """Load `sources` one over the other; all weights of `required` parts must have come from some of them."""
    if unknown := required - PARTS.keys():
        raise CheckpointError(f"unknown part {min(unknown)}", remedy=f"Parts are {', '.join(PARTS)}.")
    own = dict(model.named_parameters(remove_duplicate=False)) | {
        name: buffer for name, buffer in model.named_buffers() if name in model.state_dict()
    }
    embedding = next(name for name, weight in own.items() if weight is model.get_input_embeddings().weight)
    report = LoadReport()
    for number, source in enumerate(sources):
        where = label or ("tensors given" if isinstance(source, Mapping) else os.fspath(source))
        state = source if isinstance(source, Mapping) else read_state(source)
        matched = match_names(state, own, model.layers_path)
        for name, weight in matched.weights.items():
            if own[name].shape != weight.shape:
                raise CheckpointError(
                    f"{matched.sources[name]} is {tuple(weight.shape)}, the model's {name} is {tuple(own[name].shape)}",
                    file=where,
                    remedy="Build the model with the checkpoint's sizes (see its config).",
                )
        if lost := [name for name in matched.unexpected if re.search(TRAINED, name)]:
            what = f"{len(lost)} trained weights of the checkpoint find no place in the model, the first {lost[0]}"
            remedy = "Build the model with the checkpoint's sizes, e.g. cross_attention_every."
            raise CheckpointError(what, file=where, remedy=remedy)
        if not matched.weights:
            what = "no name in the checkpoint fits the model"
            raise CheckpointError(what, file=where, remedy=f"Its first name is {next(iter(state), None)}.")
        if (
            last_must_hold
            and number == len(sources) - 1
            and not any(part_of(name, embedding) == last_must_hold for name in matched.weights)
        ):
            what = f"the checkpoint holds no {last_must_hold}: {PARTS[last_must_hold]}"
            raise CheckpointError(what, file=where, remedy="Is it the right file?")
        for name, weight in matched.weights.items():
            own[name].copy_(weight)
            report.loaded[name] = where
        report.unexpected += matched.unexpected
        report.ignored += matched.ignored
    report.initial = [name for name in own if name not in report.loaded]
    missing = [name for name in report.initial if part_of(name, embedding) in required]
    if missing:
        parts = sorted({part_of(name, embedding) for name in missing})
        raise CheckpointError(
            f"{len(missing)} weights of {', '.join(parts)} did not come, the first {missing[0]}",
            file=label
            or ", ".join("tensors given" if isinstance(source, Mapping) else os.fspath(source) for source in sources),
            remedy="Give the checkpoint that holds them as base, or name the parts in allow_missing.",
        )
    return report
