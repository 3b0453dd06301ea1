"""Pretraining the tiny tower and resampler: every patch token, then every latent, must tell what is in its cell.

The grid of Scenes is the tower's grid (one patch a cell), and the resampler gets as many latents as there are cells.
A linear head, thrown away afterwards, predicts each token's shape, color, size *and its own cell*: a latent whose
position can't be read from it is of no use to a language model that is asked where things are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ..media import IGNORE_INDEX
from ..model.flamingo import FlamingoForConditionalGeneration
from ..progress import Progress
from ..scenes.graph import COLORS, SHAPES, SIZES, Scene
from ..scenes.render import render
from ..seeding import generator, torch_generator
from ..sources.marks import draw_mark, region_mark

CELLS = 9
CLASSES = (len(SHAPES) + 1, len(COLORS) + 1, len(SIZES) + 1, CELLS)
"""Classes of each prediction: shape, color and size (0: the cell is empty), and the cell."""

CELL_LOSS_WEIGHT = 0.4
GRAY = 0.3


def scene_images(scenes: Sequence[Scene], *, size: int, seed: int, marked: float = 0.2) -> list[Image.Image]:
    """Render scenes as images; a share `marked` carries a region mark, so that the tower is used to it."""
    images = []
    for scene in scenes:
        image = render(scene, size)
        chance = generator(seed, "pretrain-mark", scene.id)
        if chance.random() < marked:
            box = chance.choice(scene.objects).box()
            image = draw_mark(image, region_mark((box.x1, box.y1, box.x2, box.y2), seed=seed, key=scene.id))
        images.append(image)
    return images


def cell_labels(scenes: Sequence[Scene]) -> Tensor:
    """(scenes, 9, 4) class indices of each cell: shape, color, size, cell."""
    labels = np.zeros((len(scenes), CELLS, len(CLASSES)), dtype=np.int64)
    labels[..., 3] = np.arange(CELLS)
    for row, scene in zip(labels, scenes, strict=True):
        for item in scene.objects:
            row[item.cell, :3] = SHAPES.index(item.shape) + 1, COLORS.index(item.color) + 1, SIZES.index(item.size) + 1
    return torch.from_numpy(labels)


def cell_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum of the heads' cross-entropies; (b, 9, sum of CLASSES) and (b, 9, 4)."""
    losses = [
        F.cross_entropy(part.flatten(0, 1), labels[..., k].flatten())
        for k, part in enumerate(logits.split(CLASSES, dim=-1))
    ]
    return sum(losses[:3]) + CELL_LOSS_WEIGHT * losses[3]


@torch.no_grad()
def scenes_right(logits: Tensor, labels: Tensor) -> float:
    """Accuracy over whole scenes: the share with every cell's shape, color and size right."""
    right = torch.stack([part.argmax(-1) == labels[..., k] for k, part in enumerate(logits.split(CLASSES, dim=-1)[:3])])
    return right.all(dim=0).all(dim=1).float().mean().item()


def train_cells(
    modules: Sequence[nn.Module],
    encode: Callable[[Tensor], tuple[Tensor, Tensor]],
    labels: Tensor,
    *,
    width: int,
    steps: int,
    learning_rate: float,
    batch_size: int,
    validation: int,
    seed: int,
    name: str,
) -> float:
    """Train `modules` so that heads read each cell's object from their tokens.

    `encode` takes indices of scenes to tokens (b, 9, width) and their labels.

    Returns:
        `scenes_right` on the last `validation` scenes, which are not trained on.
    """
    head = nn.Linear(width, sum(CLASSES))
    parameters = [weight for module in (*modules, head) for weight in module.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(parameters, learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    chance = torch_generator(seed, "pretrain", name)
    training = len(labels) - validation
    with Progress(name, steps, "steps") as progress:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * min(1.0, (step + 1) / 100) * max(0.02, 1 - step / steps)
            chosen = torch.randint(training, (batch_size,), generator=chance)
            tokens, asked = encode(chosen)
            loss = cell_loss(head(tokens), asked)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            progress.update(1, f"loss {loss.item():.3f}" if step % 50 == 0 else "")
    with torch.no_grad():
        held = torch.arange(training, len(labels))
        return scenes_right(torch.cat([head(encode(part)[0]) for part in held.split(256)]), labels[held])


def pretrain_tower(
    model: FlamingoForConditionalGeneration,
    pixels: Tensor,
    labels: Tensor,
    *,
    normalize: Callable[[Tensor], Tensor],
    steps: int,
    seed: int,
    **options: Any,
) -> float:
    """Train the vision tower on `pixels` (n, 3, h, w) uint8, then freeze it; returns the share of scenes all right.

    A share `GRAY` of the training pictures loses its color and is not asked for it, so that shapes are learnt apart
    from the colors they happen to come in: held-out pairs must be seen without ever having been shown.
    """
    tower = model.vision_encoder
    gray_chance = torch_generator(seed, "pretrain", "gray")

    def encode(chosen: Tensor) -> tuple[Tensor, Tensor]:
        pictures = normalize(pixels[chosen])
        if torch.is_grad_enabled():  # not on validation
            gray = torch.rand(len(chosen), generator=gray_chance) < GRAY
            pictures[gray] = pictures[gray].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
            colorless = labels[chosen]
            colorless[gray, :, 1] = IGNORE_INDEX
            return tower(pictures), colorless
        return tower(pictures), labels[chosen]

    tower.requires_grad_(True)
    tower.train()
    right = train_cells(
        [tower], encode, labels, width=tower.width, steps=steps, seed=seed, name="vision tower", **options
    )
    tower.requires_grad_(False)
    tower.eval()
    return right


def pretrain_resampler(
    model: FlamingoForConditionalGeneration,
    vision_tokens: Tensor,
    labels: Tensor,
    *,
    steps: int,
    seed: int,
    **options: Any,
) -> float:
    """Train the resampler on frozen `vision_tokens` (n, v, d); returns the share of scenes fully right."""

    def encode(chosen: Tensor) -> tuple[Tensor, Tensor]:
        return model.perceiver(vision_tokens[chosen]), labels[chosen]

    width = vision_tokens.shape[-1]
    return train_cells(
        [model.perceiver], encode, labels, width=width, steps=steps, seed=seed, name="resampler", **options
    )


@torch.no_grad()
def encode_all(
    model: FlamingoForConditionalGeneration,
    pixels: Tensor,
    normalize: Callable[[Tensor], Tensor],
    batch_size: int = 256,
) -> Tensor:
    """The frozen tower's patch tokens of all `pixels`: (n, v, d)."""
    return torch.cat([model.vision_encoder(normalize(part)) for part in pixels.split(batch_size)])
