"""ONNX export of a rewriter: its two networks, its tokenizer and prompts, as ONNX Runtime runs them in a browser.

    vision.onnx      pixels (1, 1, 3, h, w) -> latents (1, 1, n, D)
    language.onnx    input_ids (1, t), attended_image (1, t), latents -> logits (1, 1, vocabulary) of the next token
    rewriter.json    vocabulary, merges, prompts as ids on both sides of a draft, pictures as pixels

It needs the extra `onnx`. Decoding is greedy and without a cache: prompts of a small model are short.
"""

from __future__ import annotations

import base64
import io
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..chat.template import DRAFTED, REVISED
from ..config import RewritingConfig
from ..errors import CheckpointError, MissingAsset
from ..loading import load_model
from ..records import Turn
from ..storage import atomic_folder, write_json

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from ..model.processor import FlamingoProcessor

VISION, LANGUAGE, ABOUT = "vision.onnx", "language.onnx", "rewriter.json"
PACKAGES = ("onnx", "onnxscript")


@dataclass(frozen=True)
class Example:
    """A picture to rewrite under.

    Attributes:
        instruction: as asked.
        draft: the raw annotation.
        image: the picture.
        title: what a list of examples calls it.
    """

    instruction: str
    draft: str
    image: Image.Image
    title: str


def export_rewriter(folder: str | os.PathLike, out: str | os.PathLike, examples: Sequence[Example]) -> None:
    """Write the rewriter in `folder` into `out`, as one folder, with the prompts of `examples`.

    Raises:
        MissingAsset: the extra `onnx` is not installed.
        CheckpointError: no rewriter, or one whose tokenizer is no byte-level BPE with the markers as tokens.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingAsset(f"{', '.join(missing)} is not installed", remedy="pip install 'flamingo-lib[onnx]'")
    model, processor = load_model(folder, role="the rewriter", merge=True, optimize=False)
    about = _tokenizer(processor, Path(folder)) | {
        "image_id": model.config.image_token_id,
        "end_ids": _ids(model.generation_config.eos_token_id),
        "max_new_tokens": RewritingConfig().max_new_tokens,
        "context": int(model.config.text_config.max_position_embeddings),
        "examples": [_example(processor, example) for example in examples],
    }
    with atomic_folder(Path(out)) as part:
        _networks(model.eval(), part)
        write_json(part / ABOUT, about, indent=None)


def _networks(model: Any, out: Path) -> None:
    import torch

    vision, language = networks(model)
    side, image = model.vision_encoder.image_size, model.config.image_token_id
    options: dict[str, Any] = {"dynamo": True, "external_data": False, "verbose": False}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="# The axis name")  # both axes are the same length by intent
        pixels = torch.zeros(1, 1, 3, side, side)
        names: dict[str, Any] = {"input_names": ["pixels"], "output_names": ["latents"]}
        torch.onnx.export(vision, (pixels,), str(out / VISION), **names, **options)
        ids = torch.full((1, 8), image + 1)
        ids[0, 1] = image
        attended, length = (torch.arange(8) > 0).long()[None], {1: torch.export.Dim("t", min=2, max=1024)}
        names = {"input_names": ["input_ids", "attended_image", "latents"], "output_names": ["logits"]}
        names["dynamic_shapes"] = {"input_ids": length, "attended_image": length, "latents": None}
        torch.onnx.export(language, (ids, attended, vision(pixels)), str(out / LANGUAGE), **names, **options)


def networks(model: Any) -> tuple[nn.Module, nn.Module]:
    """What becomes ``vision.onnx`` and ``language.onnx``, as modules of PyTorch."""
    from torch import Tensor, nn

    class Vision(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels: Tensor) -> Tensor:
            return self.model.resample(self.model.encode_images(pixels))

    class Language(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Tensor, attended_image: Tensor, latents: Tensor) -> Tensor:
            given: dict[str, Any] = {"input_ids": input_ids, "attended_image": attended_image, "latents": latents}
            return self.model(**given, use_cache=False, logits_to_keep=1).logits

    return Vision().eval(), Language().eval()


def _tokenizer(processor: FlamingoProcessor, folder: Path) -> dict[str, Any]:
    """Vocabulary by id, merges in order, and the fixed strings that are one token each."""
    stored = json.loads(processor.tokenizer.backend_tokenizer.to_str())
    plain, added = stored["model"], stored["added_tokens"]
    fixed = {token["content"]: token["id"] for token in added if not token["special"]}
    if plain["type"] != "BPE" or stored["normalizer"] or DRAFTED not in fixed or REVISED not in fixed:
        raise CheckpointError(
            "the rewriter's tokenizer is not that of the tiny base", file=folder, remedy="Export a tiny rewriter."
        )
    tokens = [""] * len(processor.tokenizer)
    for token, index in (plain["vocab"] | fixed).items():
        tokens[index] = token
    special = [token["id"] for token in added if token["special"]]
    return {"tokens": tokens, "merges": plain["merges"], "fixed": fixed, "special_ids": special}


def _example(processor: FlamingoProcessor, example: Example) -> dict[str, Any]:
    """The prompt's ids before and after the draft, and the picture as PNG and as normalised pixels' bytes."""
    turn = Turn(example.instruction, images=1, draft=example.draft)
    row = processor.render(chats=[[turn]], generation_prompt=True)[0]
    before, after = (processor.tokenizer.convert_tokens_to_ids(text) for text in (DRAFTED, REVISED))
    start, end = row.ids.index(before) + 1, len(row.ids) - row.ids[::-1].index(after) - 1
    png = io.BytesIO()
    example.image.save(png, "png")
    pixels = processor.image_processor.pixels([example.image]).numpy().astype("<f4").tobytes()
    return {
        "title": example.title,
        "instruction": example.instruction,
        "draft": example.draft,
        "before": row.ids[:start],
        "after": row.ids[end:],
        "picture": "data:image/png;base64," + base64.b64encode(png.getvalue()).decode(),
        "side": processor.image_processor.size,
        "pixels": base64.b64encode(pixels).decode(),
    }


def _ids(value: Any) -> list[int]:
    return [value] if isinstance(value, int) else list(value)
