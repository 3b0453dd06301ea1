"""Draw funnel.svg anew from a run: records left after each filter, and reward before and after rewriting.

python docs/images/draw_funnel.py runs/tiny-0
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flamingo_lib.evaluation.predictions import read_predictions
from flamingo_lib.storage import atomic_write, read_json

PICTURE = Path(__file__).with_name("funnel.svg")
TITLES = {"preamble": "leaked prompt", "sts": "STS", "nli": "NLI", "clip": "CLIPScore", "claims": "claims (ours)"}
BINS, LEFT, UNIT, HIGH = 60, 560, 60, 80
"""Of a histogram from -3 to 3: its bins, where it begins, pixels a unit of reward, pixels of the highest bin."""


def bars(total: int, dropped: dict[str, int]) -> Iterator[str]:
    """A bar for all rewrites and one for those left after each filter; orange where one in a hundred goes."""
    left = total
    for row, (name, count) in enumerate({"rewrites": 0, **dropped}.items()):
        left -= count
        width, y = 250 * left / total, 92 + 28 * row
        colour, gone = ("warm" if 100 * count > total else "room"), (f" (−{count:,})" if count else "")
        yield (
            f'  <text class="small" x="120" y="{y + 15}" text-anchor="end">{TITLES.get(name, name)}</text>'
            f'<rect class="{colour}" x="{255 - width / 2:.1f}" y="{y}" width="{width:.1f}" height="20" rx="3"/>'
            f'<text class="mono" x="392" y="{y + 15}">{left:,}{gone}</text>'
        )


def distribution(colour: str, rewards: np.ndarray, base: int, words: str) -> Iterator[str]:
    """A histogram on the line `base`, with its median."""
    counts, _ = np.histogram(np.clip(rewards, -2.999, 2.999), bins=BINS, range=(-3, 3))
    middles = LEFT + (np.arange(BINS) + 0.5) * 6 * UNIT / BINS
    points = [(LEFT, base), *zip(middles, base - HIGH * counts / counts.max(), strict=True), (LEFT + 6 * UNIT, base)]
    yield f'  <polygon class="{colour}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'
    yield f'  <path class="line" d="M{LEFT + UNIT * (np.median(rewards) + 3):.1f} {base} V{base - HIGH - 8}"/>'
    yield f'  <text class="small" x="{LEFT}" y="{base + 16}">{words}: median {signed(np.median(rewards))}</text>'


def signed(value: float) -> str:
    """Two digits and a real minus sign."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def draw(run: Path) -> None:
    """Write the picture."""
    funnel = read_json(run / "filter" / "funnel.json")["total"]
    rewrites = [p for p in read_predictions(run / "figures" / "data_predictions.jsonl") if p.model == "rewriter"]
    raw, new = (np.array([item.scores[score] for item in rewrites]) for score in ("reward_raw", "reward"))
    gone = [f"{TITLES.get(name, name)} drops {count:,}" for name, count in funnel["dropped"].items() if count]
    told = (
        f"Of {funnel['in']:,} rewrites of a tiny run {funnel['kept']:,} are kept; {'; '.join(gone)}. Reward by the "
        f"tiny judge: median {signed(np.median(raw))} of raw annotations, {signed(np.median(new))} of their rewrites."
    )
    drawn = [
        *bars(funnel["in"], funnel["dropped"]),
        *distribution("warm", raw, 190, "raw annotations"),
        *distribution("green", new, 310, "their rewrites, PF-1M"),
    ]
    old = PICTURE.read_text("utf-8")
    head, rest = (
        old.split('  <text class="small" x="120" y="107"')[0],
        old[old.index('  <text class="small" x="24" y="366"') :],
    )
    head = re.sub(r'(?<=<desc id="desc">).*?(?=</desc>)', told, head)
    with atomic_write(PICTURE) as file:
        file.write(head + "\n".join(drawn) + "\n" + rest)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
