"""The folder in which README's commands are executed: what they name is there, at the smallest size."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

from tests.miniature import RUN, made
from tests.released_weights import place
from tests.rewriting.small_models import write_root
from tests.tiny_vlms import idefics3

ROOT = Path(__file__).parents[2]
COLORS = ("red", "green", "blue", "yellow")
QUESTION = "What color is the circle?"
CONTEXT = 2048
"""Of the stand-in for SmolVLM, whose few words take many tokens."""


def write_folder(folder: Path, weights: Path) -> None:
    """Fill `folder`; `weights` are stand-ins of the released ones."""
    made()
    copy_run(folder / "runs" / "tiny-0")
    copy_run(folder / "runs" / "night", without=("stage2", "stage3", "evaluate", "figures"))
    unwanted = shutil.ignore_patterns("checkpoints", "study.json", "seed-[1-9]*")  # a seed's predictions are enough
    shutil.copytree(ROOT / "data_samples", folder / "data_samples", ignore=unwanted)
    shutil.copytree(folder / "data_samples" / "sources", folder / "DATA")
    write_root(folder / "data")
    (folder / "WEIGHTS").symlink_to(weights)
    shutil.copytree(place(weights, "llama-7b"), folder / "SmolLM2-135M-Instruct")
    save_random_models(folder)
    write_own_data(folder)


def copy_run(folder: Path, without: tuple[str, ...] = ()) -> None:
    """Copy the miniature run's finished steps: other tests may be at work in the rest of it."""
    folder.mkdir(parents=True)
    for name in ("run.json", "metrics.json"):
        shutil.copy(RUN / name, folder / name)
    for manifest in RUN.glob("*/manifest.json"):
        step = manifest.parent.name
        if step != "notebooks" and step not in without:
            shutil.copytree(manifest.parent, folder / step)


def save_random_models(folder: Path) -> None:
    """A tower as open_clip saves it, in half precision, and a model of SmolVLM's architecture."""
    import open_clip
    import torch

    state = torch.get_rng_state()
    torch.manual_seed(0)
    torch.save(open_clip.create_model("ViT-B-16", precision="fp16").state_dict(), folder / "tower.pt")
    model, processor = idefics3(max_position_embeddings=CONTEXT)
    torch.set_rng_state(state)
    processor.tokenizer.model_max_length = CONTEXT
    model.save_pretrained(folder / "SmolVLM-Instruct")
    processor.save_pretrained(folder / "SmolVLM-Instruct")


def write_own_data(folder: Path) -> None:
    """Pictures, a table and chats about them, and two systems' answers."""
    (folder / "images").mkdir()
    for color in COLORS:
        picture = Image.new("RGB", (72, 72), "white")
        ImageDraw.Draw(picture).ellipse((12, 12, 60, 60), fill=color)
        picture.save(folder / "images" / f"{color}.png")
    shutil.copy(folder / "images" / "red.png", folder / "a.png")
    with open(folder / "my.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("picture", "question", "answer"))
        rows.writerows((f"images/{color}.png", QUESTION, color) for color in COLORS)
    turns = {color: {"instruction": QUESTION, "response": f"The circle is {color}.", "images": 1} for color in COLORS}
    chats = [{"id": color, "turns": [turn], "images": [f"{color}.png"]} for color, turn in turns.items()]
    write_lines(folder / "chats.jsonl", chats)
    for name, words in (("A", "It is {}."), ("B", "{}")):
        answers = [{"id": color, "instruction": QUESTION, "response": words.format(color),
                    "images": [f"images/{color}.png"]} for color in COLORS]  # fmt: skip
        write_lines(folder / f"{name}.jsonl", answers)


def write_lines(file: Path, rows: list[dict]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
