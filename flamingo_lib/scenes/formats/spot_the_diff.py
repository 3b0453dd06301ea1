"""Spot-the-Diff: pairs of pictures and what annotators say of their difference."""

from __future__ import annotations

from ..changes import curt_change
from ..graph import edit_scene
from .album import Album, Entry

UNCHANGED = 0.04
"""Share of pairs without a difference."""


def write_spot_the_diff(album: Album, entries: list[Entry], split: str) -> int:
    """Pairs, one to three sentences each, one pair in ten told by two annotators; returns the number of pairs."""
    records = []
    for entry in entries:
        generator = album.random("spot-the-diff", entry.image_id)
        name = str(entry.image_id)
        if generator.random() < UNCHANGED:
            after, change = entry.scene, None
        else:
            after, change = edit_scene(entry.scene, generator)
        album.add(entry, "spot-the-diff", f"resized_images/{name}.png")
        album.add(entry, "spot-the-diff", f"resized_images/{name}_2.png", scene=after)
        for _ in range(2 if generator.random() < 0.1 else 1):
            sentences = [curt_change(generator, change) for _ in range(generator.randint(1, 2))]
            records.append({"img_id": name, "sentences": list(dict.fromkeys(sentences))})
    album.write("spot-the-diff", f"data/annotations/{split}.json", records)
    return len(entries)
