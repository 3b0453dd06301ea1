"""Released Flamingos into model folders: LLaMA, CLIP's tower, a checkpoint by name, on request Guanaco's LoRA.

Sizes come from the files: the language model's and the tower's from their configs, the connector's from the shapes in
the checkpoint. The rules are those of OpenFlamingo's first version, which all of these checkpoints were trained with:
text looks at the next image, images stand behind the instruction, patch tokens before the last LayerNorm, QuickGELU.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..chat.template import END_OF_CHUNK, IMAGE
from ..errors import CheckpointError
from ..hub import translate_loading_errors
from ..loading import save_model
from ..model.checkpoints import (
    LoadReport,
    load_clever_flamingo,
    load_openflamingo,
    load_plain_lora,
    load_polite_flamingo,
)
from ..model.checkpoints.loading import GUANACO_ALPHA
from ..model.config import FlamingoConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.image_processor import CLIP_MEAN, CLIP_STD, FlamingoImageProcessor
from ..model.processor import FlamingoProcessor
from ..released import LLAMA, RELEASES, TOWER
from ..weight_files import read_state
from .assemble import grow_embeddings, load_language_model
from .released_config import RULES, make_config, read_config, release_places, sizing
from .run import refuse_other_folder

REWRITER_MARKER = "Assistent"
"""How the inference code released with Polite Flamingo spells the assistant's name in the rewriter's prompt."""

REPORT = "import.json"
"""Beside the imported model: from which files, what was loaded and what was left out."""

SHOWN = 8
"""Names of each kind that the report prints."""

TOWER_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")


@dataclass(frozen=True)
class Imported:
    """What an import read and what it left out.

    Attributes:
        name: of the release.
        files: the place of each release that was read, by name.
        sources: number of the model's weights that came from each file or folder.
        start: weights that came from none and kept their start values.
        not_expected: names in the files that fit nothing.
        not_needed: names in the files that no Flamingo needs, such as second names of one weight.
    """

    name: str
    files: Mapping[str, str]
    sources: Mapping[str, int]
    start: tuple[str, ...] = ()
    not_expected: tuple[str, ...] = ()
    not_needed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The report as lines of text."""
        lines = [f"{RELEASES[self.name].title}, {sum(self.sources.values())} weights loaded"]
        lines += [f"  {count} from {place}" for place, count in self.sources.items()]
        left = {"kept their start values": self.start, "fit nothing": self.not_expected, "not needed": self.not_needed}
        for title, names in left.items():
            lines.append(f"{title}: {len(names)}")
            lines += [f"  {name}" for name in names[:SHOWN]]
            lines += [f"  ... and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
        return lines


def import_released(
    name: str,
    weights: str | os.PathLike | None,
    out: str | os.PathLike,
    *,
    adapter: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Imported:
    """Make the model folder `out` of a released Flamingo; arguments and errors of `build_released`.

    Raises:
        ConfigError: `out` is a folder with other things in it.
    """
    refuse_other_folder(out)
    model, processor, imported = build_released(name, weights, adapter=adapter, dtype=dtype)
    save_model(model, processor, out, adapter=bool(model.config.lora), notes={REPORT: imported.to_json()})
    return imported


def build_released(
    name: str,
    weights: str | os.PathLike | None,
    *,
    adapter: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor, Imported]:
    """A released Flamingo in memory, in evaluation mode.

    Args:
        name: one of `released.FLAMINGOS`.
        weights: the folder of weights; None looks only into the hub's cache.
        adapter: a released LoRA of the plain language model to begin with, such as "guanaco-7b"; only for a release
            that brings none.
        dtype: of the weights.

    Raises:
        ConfigError: an unknown name, or an adapter for a release that has LoRA of its own.
        MissingAsset: weights that are not there, all of them by name.
        CheckpointError: a broken file, or weights that don't fit together.
    """
    places = release_places(name, weights, adapter)
    state = read_state(places[sizing(places, name)])
    config = make_config(places, state, name)
    language, tokenizer = load_language_model(places[LLAMA], dtype=dtype)
    _add_tokens(tokenizer)
    _check_tokens(tokenizer, config, places[LLAMA])
    grow_embeddings(language, config.text_config.vocab_size)  # type: ignore[union-attr]
    language.config.pad_token_id = config.text_config.pad_token_id = tokenizer.pad_token_id  # type: ignore[union-attr]
    config.text_config = language.config
    model = FlamingoForConditionalGeneration(config, language_model=language).to(dtype).eval()
    _load_tower(model, places[TOWER])
    reports = [_load(model, name, places, state)]
    if adapter is not None:
        reports.append(load_plain_lora(model, places[adapter]))
    settings = read_config(places[TOWER]).get("preprocess_cfg") or {}
    images = FlamingoImageProcessor(
        size=model.vision_encoder.image_size,
        mean=settings.get("mean") or CLIP_MEAN,
        std=settings.get("std") or CLIP_STD,
        fit="squash" if settings.get("resize_mode") == "squash" else "crop",
    )
    marker = REWRITER_MARKER if name.startswith("polite") else "Assistant"
    processor = FlamingoProcessor(
        images, tokenizer, media_rule=RULES["media_rule"], image_position="after", rewriter_marker=marker
    )
    return model, processor, _imported(model, name, places, reports)


def _add_tokens(tokenizer: Any) -> None:
    """Give LLaMA's tokenizer the two tokens in the checkpoints' order, and the padding of the released code."""
    tokenizer.add_tokens([END_OF_CHUNK, IMAGE], special_tokens=True)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    tokenizer.padding_side = "left"


def _check_tokens(tokenizer: Any, config: FlamingoConfig, folder: Path) -> None:
    ids = tokenizer.get_vocab()
    for token, wanted in ((END_OF_CHUNK, config.end_of_chunk_token_id), (IMAGE, config.image_token_id)):
        if ids.get(token) != wanted:
            raise CheckpointError(
                f"{token} has id {ids.get(token)} in the tokenizer of {LLAMA}, in the checkpoint it is {wanted}",
                file=folder,
                remedy="Give the model's own tokenizer, without tokens of other programs.",
            )


def _load_tower(model: FlamingoForConditionalGeneration, folder: Path) -> None:
    """Fill the tower from CLIP's weights."""
    file = next((folder / name for name in TOWER_FILES if (folder / name).is_file()), folder)
    state = {name.removeprefix("visual."): w for name, w in read_state(file).items() if name.startswith("visual.")}
    with translate_loading_errors(folder, "the tower"):
        model.vision_encoder.visual.load_state_dict(state)


def _imported(
    model: FlamingoForConditionalGeneration, name: str, places: Mapping[str, Path], reports: Sequence[LoadReport]
) -> Imported:
    """Where each of the model's weights came from last."""
    loaded = {weight: place for report in reports for weight, place in report.loaded.items()}
    sources: Counter[str] = Counter()
    start = []
    for weight in model.state_dict():
        frozen = TOWER if weight.startswith("vision_encoder.") else LLAMA if weight.startswith("lang_encoder.") else ""
        if weight in loaded:
            sources[loaded[weight]] += 1
        elif frozen and ".lora_" not in weight and ".gated_cross_attn_layer." not in weight:
            sources[str(places[frozen])] += 1
        else:
            start.append(weight)
    return Imported(
        name,
        {key: str(place) for key, place in places.items()},
        dict(sources),
        tuple(start),
        tuple(key for report in reports for key in report.unexpected),
        tuple(key for report in reports for key in report.ignored),
    )


def _load(
    model: FlamingoForConditionalGeneration, name: str, places: Mapping[str, Path], state: Mapping[str, Tensor]
) -> LoadReport:
    """Load the checkpoints in their order."""
    base = places.get("openflamingo-9b")
    if name == "openflamingo-9b":
        return load_openflamingo(model, places[name])
    own = read_state(places[name]) if base is not None or name.endswith("gen2") else state
    lora = [weight.shape[0] for key, weight in own.items() if re.search(r"\.lora_A\.", key)]
    if not lora:
        raise CheckpointError("the checkpoint holds no LoRA", file=places[name], remedy="Is it the right file?")
    options: dict[str, Any] = {"base": base, "rank": lora[0], "alpha": GUANACO_ALPHA}
    if name == "clever-flamingo":
        return load_clever_flamingo(model, places[name], **options)
    if name.endswith("gen2"):
        options |= {"generation": 2, "clever": places["clever-flamingo"]}
    return load_polite_flamingo(model, places[name], **options)
