"""The paper's ablations of stage 2 as rows that differ from it in one cell (docs/method.md, section 6)."""

from __future__ import annotations

from ..config import StageConfig


def ablations(stage2: StageConfig, *, low_resolution: int, before_stage1: str = "base") -> dict[str, StageConfig]:
    """Rows by name; `stage2` on raw annotations stands among the stages themselves, as ``raw``.

    Args:
        stage2: the row that they vary.
        low_resolution: side of the shrunken images, pixels.
        before_stage1: what stage 1 starts from, and without it stage 2.
    """

    def but(**cell: object) -> StageConfig:
        return stage2.model_copy(update=cell)

    steps = stage2.max_steps
    return {
        "no_stage1": but(start=before_stage1),
        "unfrozen_lora": but(tunes=(*stage2.tunes, "lora")),
        "unfrozen_vit": but(tunes=(*stage2.tunes, "vision")),
        "twice_epochs": but(max_steps=2 * steps) if steps else but(epochs=2 * stage2.epochs),
        "low_resolution": but(image_size=low_resolution),
    }
