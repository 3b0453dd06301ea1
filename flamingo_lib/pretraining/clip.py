"""Pretraining "clip-tiny", the two-tower model behind CLIPScore at the tiny preset.

Its vision tower starts from the base model's. Each image is to find one of its own sentences among those of all images
in the batch *and* among its own sentences with one attribute changed, since a judge of hallucination must tell "a red
circle at the top left" from "a blue circle at the top left". Sentences that happen to be true of another image of the
batch are no negatives for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerBase

from ..config import PretrainConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..progress import Progress
from ..scenes.graph import COLORS, POSITIONS, SHAPES, SIZES, Scene, SceneObject
from ..scenes.language import object_sentence
from ..scenes.lexicon import NUMBERS, article
from ..seeding import generator
from ..storage import write_json

EMBED_DIM = 256
CONTEXT = 28
HARD_NEGATIVES = 2
ATTRIBUTES = {"color": COLORS, "shape": SHAPES, "size": SIZES, "cell": tuple(range(9))}


@dataclass(frozen=True)
class Statement:
    """A claim about a scene: there is an object with these attributes, or there are `count` objects."""

    color: str | None = None
    shape: str | None = None
    size: str | None = None
    cell: int | None = None
    count: int | None = None

    def holds(self, scene: Scene) -> bool:
        """Whether it is true of `scene`."""
        if self.count is not None:
            return len(scene.objects) == self.count
        return any(
            self.cell in (None, item.cell) for item in scene.find(color=self.color, shape=self.shape, size=self.size)
        )

    def text(self, chance: Random) -> str:
        """A sentence or a fragment that says it."""
        if self.count is not None:
            noun = f"{NUMBERS[self.count]} object" + ("s" if self.count > 1 else "")
            return chance.choice(
                (f"The image shows {noun}.", f"There {'are' if self.count > 1 else 'is'} {noun} in the image.", noun)
            )
        if self.size is not None and self.cell is not None:
            item = SceneObject(self.shape or "", self.color or "", self.size, self.cell, 0, 0, 0)
            return object_sentence(chance, item, 0)
        name = " ".join(word for word in (self.size, self.color, self.shape) if word)
        if self.cell is None:
            return chance.choice(
                (
                    name,
                    article(name),
                    f"There is {article(name)} in the image.",
                    f"You can see {article(name)}.",
                    f"The {name}",
                )
            )
        position = POSITIONS[self.cell]
        return chance.choice(
            (
                f"The {name} is at the {position}.",
                f"{name} {position}",
                f"There is {article(name)} at the {position}.",
                f"{position} {name}",
            )
        )


def state(scene: Scene, chance: Random) -> Statement:
    """A true statement about `scene`: mostly one object with all or some of its attributes."""
    if chance.random() < 0.08:
        return Statement(count=len(scene.objects))
    item = chance.choice(scene.objects)
    return Statement(
        item.color,
        item.shape,
        item.size if chance.random() < 0.65 else None,
        item.cell if chance.random() < 0.65 else None,
    )


def contradict(statement: Statement, scene: Scene, chance: Random) -> Statement:
    """`statement` with one attribute changed so that it is false of `scene`."""
    if statement.count is not None:
        return Statement(count=chance.choice([count for count in (1, 2, 3, 4) if count != statement.count]))
    named = [name for name in ATTRIBUTES if getattr(statement, name) is not None]
    while True:
        name = chance.choice(named)
        value: Any = chance.choice(ATTRIBUTES[name])
        changed = replace(statement, **{name: value})
        if not changed.holds(scene):
            return changed


def clip_config(
    vision_cfg: dict[str, Any], vocab_size: int, mean: Sequence[float], std: Sequence[float]
) -> dict[str, Any]:
    """The model's ``open_clip_config.json``."""
    return {
        "model_cfg": {
            "embed_dim": EMBED_DIM,
            "vision_cfg": vision_cfg,
            "text_cfg": {
                "context_length": CONTEXT,
                "vocab_size": vocab_size,
                "width": 128,
                "heads": 4,
                "layers": 2,
                "pool_type": "eos",
                "eos_id": 2,
            },
        },
        "preprocess_cfg": {
            "size": vision_cfg["image_size"],
            "mean": list(mean),
            "std": list(std),
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def clip_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Any:
    """The base model's `tokenizers` object, adding BOS and EOS, cut and padded to `CONTEXT`."""
    from tokenizers import Tokenizer

    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    bos, eos = tokenizer.bos_token, tokenizer.eos_token
    backend.post_processor = TemplateProcessing(
        single=f"{bos} $A {eos}", special_tokens=[(bos, tokenizer.bos_token_id), (eos, tokenizer.eos_token_id)]
    )
    backend.enable_truncation(CONTEXT)
    backend.enable_padding(length=CONTEXT, pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    return backend


def contrastive_loss(images: Tensor, texts: Tensor, allowed: Tensor, scale: Tensor) -> Tensor:
    """Each image finds its sentence, each sentence its image.

    Args:
        images: (b, e) unit vectors. texts: (b * k, e); sentence `i * k` belongs to image `i`, the next k - 1 contradict
            it.
        allowed: (b, b * k), False where a sentence is true of an image that it was not written for.
        scale: the logits' scale.
    """
    size = len(images)
    own = torch.arange(size) * (len(texts) // size)
    logits = (scale * images @ texts.T).masked_fill(~allowed, -1e4)
    return F.cross_entropy(logits, own) + F.cross_entropy(logits[:, own].T, torch.arange(size))


def batch_statements(scenes: Sequence[Scene], chance: Random) -> tuple[list[str], Tensor]:
    """Sentences of a batch and which image may take which as a negative: see `contrastive_loss`."""
    statements = []
    for scene in scenes:
        true = state(scene, chance)
        statements += [true] + [contradict(true, scene, chance) for _ in range(HARD_NEGATIVES)]
    allowed = torch.tensor([[not statement.holds(scene) for statement in statements] for scene in scenes])
    for index in range(len(scenes)):
        allowed[index, index * (HARD_NEGATIVES + 1)] = True
    return [statement.text(chance) for statement in statements], allowed


def pretrain_clip(
    base: FlamingoForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    scenes: Sequence[Scene],
    pixels: Tensor,
    normalize: Callable[[Tensor], Tensor],
    *,
    config: PretrainConfig,
    mean: Sequence[float],
    std: Sequence[float],
    validation: int,
    folder: Path,
    seed: int,
) -> dict[str, float]:
    """Train the model on all scenes but the last `validation` and write its folder.

    Returns:
        How well it tells true sentences from false ones, see `examine_clip`.
    """
    import open_clip
    from safetensors.torch import save_file

    settings = clip_config(base.config.vision_config["vision_cfg"], len(tokenizer), mean, std)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "open_clip_config.json", settings)
    backend = clip_tokenizer(tokenizer)
    backend.save(str(folder / "tokenizer.json"))
    model = open_clip.model.CLIP(**settings["model_cfg"])
    tower = {name: weight for name, weight in base.vision_encoder.visual.state_dict().items() if name != "proj"}
    model.visual.load_state_dict(tower, strict=False)
    optimizer = torch.optim.AdamW(
        [
            {"params": model.visual.parameters(), "scale": 0.5},
            {"params": [w for n, w in model.named_parameters() if not n.startswith("visual.")], "scale": 1.0},
        ],
        config.vision_learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.02,
    )
    training = len(scenes) - validation
    steps = config.clip_steps
    model.train()
    with Progress("clip", steps, "steps") as progress:
        for step in range(steps):
            rate = config.vision_learning_rate * min(1.0, (step + 1) / 100) * max(0.02, 1 - step / steps)
            for group in optimizer.param_groups:
                group["lr"] = rate * group["scale"]
            chance = generator(seed, "pretrain-clip", step)
            chosen = [chance.randrange(training) for _ in range(config.clip_batch_size)]
            texts, allowed = batch_statements([scenes[index] for index in chosen], chance)
            ids = torch.tensor([encoding.ids for encoding in backend.encode_batch(texts)])
            images = model.encode_image(normalize(pixels[chosen]), normalize=True)
            loss = contrastive_loss(images, model.encode_text(ids, normalize=True), allowed, model.logit_scale.exp())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                model.logit_scale.clamp_(max=4.6052)
            progress.update(1, f"loss {loss.item():.3f}" if step % 20 == 0 else "")
    model.eval()
    save_file(
        {name: weight.contiguous() for name, weight in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    return examine_clip(model, backend, scenes[training:], pixels[training:], normalize, seed)


@torch.no_grad()
def examine_clip(
    model: Any,
    backend: Any,
    scenes: Sequence[Scene],
    pixels: Tensor,
    normalize: Callable[[Tensor], Tensor],
    seed: int,
) -> dict[str, float]:
    """Share of (true, one attribute changed) pairs ranked right, and the mean scores (100 x cosine) of both."""
    chance = generator(seed, "clip-examination")
    true, false = [], []
    for scene in scenes:
        statement = state(scene, chance)
        true.append(statement.text(chance))
        false.append(contradict(statement, scene, chance).text(chance))
    images = torch.cat([model.encode_image(normalize(part), normalize=True) for part in pixels.split(256)])
    scores = []
    for texts in (true, false):
        ids = torch.tensor([encoding.ids for encoding in backend.encode_batch(texts)])
        scores.append(
            100 * (images * torch.cat([model.encode_text(part, normalize=True) for part in ids.split(256)])).sum(-1)
        )
    return {
        "pairs_ranked_right": (scores[0] > scores[1]).float().mean().item(),
        "mean_score_true": scores[0].mean().item(),
        "mean_score_false": scores[1].mean().item(),
        "median_score_true": scores[0].median().item(),
        "median_score_false": scores[1].median().item(),
    }
