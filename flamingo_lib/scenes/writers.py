"""Writing a Scenes data root: every default dataset in its makers' format, the pictures, and the truth about them.

``root/<catalogue name>/...`` holds one dataset each. Pools of scenes are disjoint: the polite pool is behind
LLaVA-Instruct, the raw pool behind the `train` files of the raw datasets; the calibration, evaluation and held-out
pools are behind their `val` files, and the held-out pool behind VSR's test files. Sources that are held out whole (VSR,
GRiD-3D, NLVR2, OK-VQA) ask about the evaluation pool; their small `train` files, on the raw pool, are for few-shot
examples alone. `TruthIndex` says which pool a picture is from.
``scene_graphs.jsonl`` holds the truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import __version__
from ..config import ScenesConfig
from ..progress import Progress
from ..storage import atomic_folder, write_json, write_jsonl
from .formats.album import POOLS, Album, Entry
from .formats.clevr import write_clevr
from .formats.coco import write_coco, write_refcocog
from .formats.dialogues import write_llava, write_text_dialogues
from .formats.elevater import write_elevater
from .formats.gqa import write_gqa
from .formats.grid3d import write_grid3d
from .formats.nlvr2 import write_nlvr2
from .formats.okvqa import write_okvqa
from .formats.spot_the_diff import write_spot_the_diff
from .formats.vqa import write_aokvqa, write_vqa, write_vsr
from .index import GRAPHS

MANIFEST = "manifest.json"

POLITE_SOURCES = ("llava-instruct", "ultrachat", "sharegpt")
RAW_SOURCES = ("mscoco-captions", "vqa-v2", "a-okvqa", "clevr", "gqa", "spot-the-diff", "elevater", "refcocog")
HELD_OUT_SOURCES = ("vsr", "grid-3d", "nlvr2", "ok-vqa")
"""Sources that no stage trains on."""

EXAMPLES = 48
"""Records in the `train` file of each held-out source: the pool of few-shot examples."""

EVERY = {"mscoco-captions": 5, "a-okvqa": 2, "clevr": 3, "gqa": 1, "spot-the-diff": 8, "elevater": 12, "refcocog": 8}
"""One scene in so many is used by the dataset; those not named use all."""


def write_scenes(root: str | Path, config: ScenesConfig | None = None, seed: int = 0) -> dict[str, Any]:
    """Write all datasets below `root`, which appears only when everything is there; an older `root` is replaced.

    The same `config` and `seed` give the same bytes. Returns the manifest, which is also written as ``manifest.json``:
    seed, config, records by dataset and split, scenes by pool.

    Raises:
        FlamingoError: `root` cannot be written.
    """
    config = config or ScenesConfig()
    with atomic_folder(root) as folder, Progress("writing scenes", _pictures(config), "pictures") as progress:
        album = Album(folder, seed=seed, image_size=config.image_size, progress=progress)
        sizes = {
            "polite": config.polite_scenes,
            "raw": config.raw_scenes,
            "calibration": config.calibration_scenes,
            "evaluation": config.evaluation_scenes,
            "held_out": config.held_out_scenes,
        }
        pools = {name: album.pool(name, sizes[name]) for name in POOLS}
        counts = _write_all(album, config, pools)
        write_jsonl(folder / GRAPHS, album.lines())
        manifest = {
            "version": __version__,
            "seed": seed,
            "config": config.model_dump(),
            "pools": sizes,
            "records": counts,
        }
        write_json(folder / MANIFEST, manifest)
    return manifest


def _every(source: str, entries: list[Entry]) -> list[Entry]:
    """The scenes that `source` uses, spread evenly over each pool; at least one of each."""
    return [entry for entry in entries if entry.number % EVERY.get(source, 1) == 0]


def _write_all(album: Album, config: ScenesConfig, pools: dict[str, list[Entry]]) -> dict[str, dict[str, int]]:
    train = pools["raw"]
    val = [*pools["calibration"], *pools["evaluation"], *pools["held_out"]]
    counts: dict[str, dict[str, int]] = {"llava-instruct": write_llava(album, pools["polite"])}
    for source, number in write_text_dialogues(album, config.text_dialogues).items():
        counts[source] = {"train": number}
    writers = {
        "mscoco-captions": write_coco,
        "vqa-v2": write_vqa,
        "a-okvqa": write_aokvqa,
        "clevr": write_clevr,
        "gqa": write_gqa,
        "spot-the-diff": write_spot_the_diff,
    }
    for source, write in writers.items():
        counts[source] = {
            split: write(album, _every(source, entries), split) for split, entries in (("train", train), ("val", val))
        }
    counts["elevater"] = write_elevater(album, _every("elevater", train), _every("elevater", val))
    counts["refcocog"] = write_refcocog(album, _every("refcocog", train), _every("refcocog", val))
    counts["vsr"] = {
        "dev": write_vsr(album, pools["calibration"], "dev"),
        "test": write_vsr(album, pools["held_out"], "test"),
        "zeroshot-test": write_vsr(album, pools["held_out"], "test", kind="zeroshot"),
    }
    _write_held_out(album, config.held_out_source_questions, pools, counts)
    return counts


def _write_held_out(album: Album, most: int, pools: dict[str, list[Entry]], counts: dict[str, dict[str, int]]) -> None:
    """The sources held out of training: `most` questions each about unseen scenes of known pairs, and examples."""
    train, asked = pools["raw"], pools["evaluation"]
    counts["vsr"] |= {
        "zeroshot-train": write_vsr(album, train, "train", kind="zeroshot", most=EXAMPLES),
        "zeroshot-dev": write_vsr(album, asked, "dev", kind="zeroshot", most=most),
    }
    counts["grid-3d"] = write_grid3d(album, [("train", train, EXAMPLES), ("test", asked, most)])
    for source, split, write in (("nlvr2", "dev", write_nlvr2), ("ok-vqa", "val", write_okvqa)):
        counts[source] = {"train": write(album, train, "train", EXAMPLES), split: write(album, asked, split, most)}


def _pictures(config: ScenesConfig) -> int:
    """About how many pictures, links included, will be written."""
    scenes = config.raw_scenes + config.calibration_scenes + config.evaluation_scenes + config.held_out_scenes
    shares = 1 + sum(1 / every for every in EVERY.values()) + 1 / EVERY["spot-the-diff"]
    held_out = config.held_out_scenes * 2 + config.calibration_scenes
    sources = 3 * (EXAMPLES + config.held_out_source_questions)
    return config.polite_scenes + round(scenes * shares) + held_out + sources
