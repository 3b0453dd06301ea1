"""Packing of samples with images into windows, beside TRL's packer and a first-fit-decreasing reference.

Run `python benchmarks/packing.py [--quick] [--json FILE]`. The rows of TRL ask for
`pip install --no-deps --target .cache/benchmark-peers trl==1.16.0` (or TRL in the environment), and say so without it.

The data are 100,000 drawn samples in stage 1's proportions (texts 64 %, dialogues about an image 23 %, short rewrites
13 %), 64 tokens an image, windows of 2,048 tokens and 8 images; three samples in a thousand are longer than a window.
TRL packs texts alone, so that it is given the same lengths and knows of no images; it moves the tokens while it plans,
ours and the reference read lengths only. The leak is the greatest change of the second sample's loss when the first
sample changes, over four tiny architectures (SmolVLM's, Qwen2.5-VL, LLaVA-OneVision, Gemma 3) with PyTorch's attention:
ours with images, TRL's collator with texts. Flash Attention, which TRL asks for, is not measured here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from harness import ROOT, NotInstalled, Row, main

sys.path.insert(0, str(ROOT))

PEERS = ROOT / ".cache" / "benchmark-peers"
CONTEXT, IMAGES, IMAGE_TOKENS = 2048, 8, 64
WIDTH = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 4}
IGNORED = -100


@cache
def sizes() -> tuple[np.ndarray, np.ndarray]:
    """Tokens and images of each sample."""
    count, draw = 100_000, np.random.default_rng(0)
    kind = draw.random(count)
    means = np.where(kind < 0.64, 5.4, np.where(kind < 0.87, 5.0, 4.0))  # log of text tokens
    images = np.where(kind < 0.64, 0, draw.choice(3, count, p=(0.85, 0.1, 0.05)) + 1)
    tokens = np.clip(draw.lognormal(means, 0.6), 20, 1500).astype(np.int64) + IMAGE_TOKENS * images
    tokens[draw.random(count) < 0.003] = 2500
    return tokens, images


@dataclass(frozen=True)
class Packed:
    """Samples of each window and the tokens kept of each, and how long planning took."""

    windows: list[np.ndarray]
    kept: list[np.ndarray]
    seconds: float


@cache
def ours() -> Packed:
    """`pack_windows`, leaving out what is longer than a window."""
    from flamingo_lib.training.packing import pack_windows

    tokens, images = sizes()
    given = list(zip(tokens.tolist(), images.tolist(), strict=True))
    start = time.process_time()
    planned = list(pack_windows(given, context_length=CONTEXT, max_images=IMAGES, too_large="leave_out"))
    seconds = time.process_time() - start
    windows = [np.array(window) for window in planned]
    return Packed(windows, [tokens[window] for window in windows], seconds)


@cache
def first_fit() -> Packed:
    """First-fit decreasing: the longest sample first, into the first window with room for its tokens and images."""
    tokens, images = sizes()
    start = time.process_time()
    room, free = np.full(len(tokens), CONTEXT), np.full(len(tokens), IMAGES)
    windows: list[list[int]] = []
    for sample in np.argsort(-tokens, kind="stable").tolist():
        if tokens[sample] > CONTEXT:
            continue
        upto = len(windows) + 1
        window = int(np.argmax((room[:upto] >= tokens[sample]) & (free[:upto] >= images[sample])))
        if window == len(windows):
            windows.append([])
        windows[window].append(sample)
        room[window] -= tokens[sample]
        free[window] -= images[sample]
    seconds = time.process_time() - start
    arrays = [np.array(window) for window in windows]
    return Packed(arrays, [tokens[window] for window in arrays], seconds)


def trl() -> None:
    """Make TRL importable; `NotInstalled` if it isn't there."""
    if PEERS.is_dir() and str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    try:
        import trl.data_utils  # noqa: F401
    except ImportError as error:
        raise NotInstalled("pip install --no-deps --target .cache/benchmark-peers trl==1.16.0") from error


@cache
def token_table() -> Any:
    """The samples as lists of tokens; the labels of a sample's tokens are its index, by which it is found again."""
    import pyarrow as pa
    from datasets import Dataset

    tokens, _ = sizes()
    offsets = np.concatenate([[0], np.cumsum(tokens)]).astype(np.int32)
    labels = np.repeat(np.arange(len(tokens), dtype=np.int32), tokens)
    columns = {"input_ids": np.ones_like(labels), "labels": labels}
    lists = {name: pa.ListArray.from_arrays(offsets, pa.array(values)) for name, values in columns.items()}
    return Dataset(pa.table(lists))


@cache
def trl_packed(strategy: str) -> Packed:
    """`trl.pack_dataset`."""
    trl()
    from datasets import disable_caching, disable_progress_bars
    from trl.data_utils import pack_dataset

    disable_caching()
    disable_progress_bars()
    data = token_table()
    start = time.process_time()
    packed = pack_dataset(data, CONTEXT, strategy)
    seconds = time.process_time() - start
    windows, kept = [], []
    for chunk in packed.with_format("arrow")[:]["labels"].chunks:
        flat = chunk.flatten().to_numpy()
        begins = np.cumsum([0, *np.diff(chunk.offsets.to_numpy())])
        for begin, end in pairwise(begins):
            samples, counts = np.unique(flat[begin:end], return_counts=True)
            windows.append(samples)
            kept.append(counts)
    return Packed(windows, kept, seconds)


def fill(packed: Packed) -> float:
    """Share of window positions that hold a token."""
    return float(sum(kept.sum() for kept in packed.kept) / (len(packed.windows) * CONTEXT))


def cut(packed: Packed) -> float:
    """Samples that stand in a window without all their tokens, in thousandths of all."""
    tokens, _ = sizes()
    short = {
        int(sample)
        for window, kept in zip(packed.windows, packed.kept, strict=True)
        for sample in window[kept < tokens[window]]
    }
    return 1000 * len(short) / len(tokens)


def crowded(packed: Packed) -> float:
    """Share of windows with more images than a window may hold."""
    images = sizes()[1]
    return float(np.mean([images[window].sum() > IMAGES for window in packed.windows]))


PACKERS: dict[str, tuple[str, Callable[[], Packed]]] = {
    "ours": ("pack_windows", ours),
    "first_fit": ("first-fit decreasing", first_fit),
    "trl_bfd": ("TRL, best-fit decreasing", partial(trl_packed, "bfd")),
    "trl_wrapped": ("TRL, wrapped", partial(trl_packed, "wrapped")),
}


@cache
def models() -> list[tuple[str, Any, list[dict[str, Any]]]]:
    """Name, model and encoded samples of each architecture: four with one or two images, then four texts."""
    import tempfile
    from pathlib import Path

    from PIL import Image, ImageDraw

    from flamingo_lib.records import Conversation, Turn
    from flamingo_lib.rewriting.backends.chat_format import ChatFormat
    from flamingo_lib.rewriting.backends.prompt import REWRITE_PROMPT
    from flamingo_lib.training.vlm.examples import make_example
    from flamingo_lib.training.vlm.labels import VlmCollator
    from tests.tiny_vlms import ARCHITECTURES, make_vlm

    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    for index, color in enumerate(("red", "green", "blue", "yellow")):
        picture = Image.new("RGB", (40 + 16 * index, 56 - 8 * index), "white")
        ImageDraw.Draw(picture).ellipse((4, 4, 30, 28), fill=color)
        picture.save(folder / f"{index}.png")
    chats = []
    for index in range(8):
        files = tuple(str(folder / f"{(index + step) % 4}.png") for step in range((1 + index % 2) * (index < 4)))
        turn = Turn("What color is it?", "It is red." * (1 + index % 3), images=len(files), draft="red")
        chats.append(Conversation(str(index), (turn,), files))
    made = []
    for name in ARCHITECTURES:
        model, processor = make_vlm(name)
        encode = VlmCollator(ChatFormat(processor), 1024)
        samples = [dict(encode([make_example(encode.chat, REWRITE_PROMPT, chat)])) for chat in chats]
        made.append((name, (model, processor), samples))
    return made


Join = Callable[[Any, Sequence[dict[str, Any]]], dict[str, Any]]


@torch.no_grad()
def leak(join: Callable[[str, Any, list[dict[str, Any]]], Join], pairs: Sequence[tuple[int, int]]) -> float:
    """The greatest change of a second sample's loss when the first changes, over all architectures."""
    worst = 0.0
    for name, (model, processor), samples in models():
        together = join(name, (model, processor), samples)
        for first, second in pairs:
            ids = samples[first]["input_ids"].clone()
            ids[0, -8:-1] = ids[0, -9]
            losses = []
            for before in (samples[first], {**samples[first], "input_ids": ids}):
                batch = together(processor, [before, samples[second]])
                batch["labels"][:, : ids.shape[1]] = IGNORED
                losses.append(float(model(**batch).loss))
            worst = max(worst, abs(losses[0] - losses[1]))
    return worst


def leak_ours(quick: bool) -> float:
    """With images in both samples, in one, in none."""
    from flamingo_lib.training.packing import PackedCollator

    def join(name: str, parts: Any, samples: list[dict[str, Any]]) -> Join:
        collator = PackedCollator(*parts, [*samples[:3], samples[4]])
        return lambda _, pair: collator([pair])

    return leak(join, ((0, 1), (1, 2), (1, 4), (4, 0), (4, 5)))


def leak_joined(quick: bool) -> float:
    """Samples put end to end as one conversation."""

    def end_to_end(_: Any, pair: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {key: torch.cat([sample[key] for sample in pair], dim=1) for key in ("input_ids", "labels")}

    return leak(lambda *_: end_to_end, ((4, 5), (5, 6)))


def leak_trl(strategy: str, quick: bool) -> float:
    """TRL's collator on a row that TRL packed, called as its trainer does."""
    trl()
    from datasets import Dataset, disable_progress_bars
    from trl.data_utils import pack_dataset
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    disable_progress_bars()

    def row(processor: Any, pair: Sequence[dict[str, Any]]) -> dict[str, Any]:
        columns = {key: [sample[key][0].tolist() for sample in pair] for key in ("input_ids", "labels")}
        packed = pack_dataset(Dataset.from_dict(columns), 1024, strategy)
        assert len(packed) == 1
        assert packed[0]["input_ids"][: len(columns["input_ids"][0])] == columns["input_ids"][0]
        padding = processor.tokenizer.pad_token_id
        collator = DataCollatorForLanguageModeling(pad_token_id=padding, padding_free=strategy == "bfd")
        return {**collator([packed[0]]), "use_cache": False}

    return leak(lambda *_: row, ((5, 4), (4, 6)))  # the longer first, as it sorts them


@torch.no_grad()
def loss_apart(quick: bool) -> float:
    """Greatest difference between a packed window's loss and the mean over its samples' own labels."""
    from flamingo_lib.training.packing import PackedCollator

    worst = 0.0
    for _, (model, processor), samples in models():
        collator = PackedCollator(model, processor, [*samples[:3], samples[4]])
        own = [float(model(**sample).loss) for sample in samples]
        counts = [int((sample["labels"] != IGNORED).sum()) for sample in samples]
        for window in ([0, 1], [1, 4, 2], [4, 5, 6], [7, 3]):
            mean = sum(own[index] * counts[index] for index in window) / sum(counts[index] for index in window)
            worst = max(worst, abs(float(model(**collator([[samples[index] for index in window]])).loss) - mean))
    return worst


def packed_vs_padded(quick: bool) -> float:
    """Labels a second of training in packed windows, by that in padded batches of eight; 1 to 30 sentences each."""
    from flamingo_lib.records import Conversation, Turn
    from flamingo_lib.rewriting.backends.chat_format import ChatFormat
    from flamingo_lib.rewriting.backends.prompt import REWRITE_PROMPT
    from flamingo_lib.training.packing import PackedCollator, pack_windows
    from flamingo_lib.training.vlm.examples import make_example
    from flamingo_lib.training.vlm.labels import VlmCollator
    from tests.tiny_vlms import idefics3

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, processor = idefics3(**WIDTH)
    encode = VlmCollator(ChatFormat(processor), 1024)
    draw = np.random.default_rng(0)
    turns = [
        Turn("What color is it?", "Certainly! The circle is red. " * int(1 + 29 * draw.random() ** 3), draft="red")
        for _ in range(16 if quick else 48)
    ]
    examples = [make_example(encode.chat, REWRITE_PROMPT, Conversation(str(i), (t,), ())) for i, t in enumerate(turns)]
    samples = [dict(encode([example])) for example in examples]
    lengths = [sample["input_ids"].shape[1] for sample in samples]
    collator = PackedCollator(model, processor, samples[:3])
    windows = list(pack_windows([(length, 0) for length in lengths], context_length=1024))
    packed = [collator([[samples[index] for index in window]]) for window in windows]
    padded = [encode(examples[start : start + 8]) for start in range(0, len(examples), 8)]
    model.train()

    def seconds(batches: list[dict[str, Any]]) -> float:
        start = time.process_time()
        for batch in batches:
            model(**batch).loss.backward()
            model.zero_grad()
        return time.process_time() - start

    seconds(packed[:1])
    return seconds(padded) / seconds(packed)


ROWS = [
    *(
        Row(f"fill_{key}", f"share of window positions with a token: {name}", lambda quick, by=by: fill(by()),
            at_least=0.99 if key == "ours" else None, runs=1)
        for key, (name, by) in PACKERS.items()
    ),
    *(
        Row(f"cut_{key}", f"samples cut, in a thousand: {name}", lambda quick, by=by: cut(by()),
            at_most=0 if key == "ours" else None, runs=1)
        for key, (name, by) in PACKERS.items()
    ),
    *(
        Row(f"crowded_{key}", f"share of windows with too many images: {name}",
            lambda quick, by=by: crowded(by()), at_most=0 if key == "ours" else None, runs=1)
        for key, (name, by) in PACKERS.items()
    ),
    *(
        Row(f"seconds_{key}", f"processor seconds for 100,000 samples: {name}",
            lambda quick, by=by: by().seconds,
            at_most=10 if key == "ours" else None, runs=1)
        for key, (name, by) in PACKERS.items()
    ),
    Row("leak_ours", "change of the second sample's loss with the first: PackedCollator", leak_ours, at_most=0, runs=1),
    Row("leak_joined", "the same: end to end, nothing blocked", leak_joined, runs=1),
    Row("leak_trl_bfd", "the same: TRL, best-fit decreasing, padding-free", partial(leak_trl, "bfd"), runs=1),
    Row("leak_trl_wrapped", "the same: TRL, wrapped", partial(leak_trl, "wrapped"), runs=1),
    Row("loss_apart", "packed window's loss, from its samples' own", loss_apart, at_most=1e-4, runs=1),
    Row("packed_vs_padded", "labels a second in training: packed windows / padded eights", packed_vs_padded, runs=1),
]  # fmt: skip

if __name__ == "__main__":
    main(ROWS)
