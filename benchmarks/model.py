"""The plain model beside its peers: training steps, memory, generation; both sides in one process, taking turns.

Nothing is bound to these figures; what `flamingo_lib.cpu` gains is measured in `benchmarks/cpu.py`.

Run `python benchmarks/model.py [--quick] [--json FILE] [--only ROW]`. Sizes: language model of 6 layers of 256,
vocabulary 4k, tower of 64 px, resampler of depth 2, gated layers before every second layer, two threads. What had to be
patched for the peers is in `benchmarks/peers.py`. The first run installs open-flamingo into `.cache/`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from harness import Row, in_fresh_process, main
from operations import THREADS, matrix_product, operations, seconds
from peers import IMAGE, idefics, open_flamingo, ours
from transformers import LlamaConfig

from flamingo_lib.model import generate_batch
from flamingo_lib.model.trainable import set_trainable

BATCH, LENGTH = 16, 128
PROMPT, NEW = 64, 32

_turn = 0


def ratio(us: Callable[[], object], them: Callable[[], object]) -> float:
    """How many times faster `us` is; the two take turns in going first."""
    global _turn
    _turn += 1
    sides = (us, them) if _turn % 2 else (them, us)
    times = {side: seconds(side) for side in sides}
    return times[them] / times[us]


def inputs(rows: int, length: int, images: int, vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids with `images` images at the beginning of each row, and pixels (rows, images, 3, 64, 64)."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(10, vocabulary, (rows, length), generator=generator)
    ids[:, 0] = 1
    for image in range(images):
        ids[:, 1 + image * (length // max(images, 1))] = IMAGE
    return ids, torch.randn(rows, images, 3, 64, 64, generator=generator)


@cache
def sides(vocabulary: int):
    """Our model with its connector trained, and open-flamingo's with the same weights; their logits are compared."""
    """Our model with its connector trained, and open-flamingo's with the same weights, checked for equal logits."""
    torch.set_num_threads(THREADS)
    model = ours(vocabulary)
    peer = open_flamingo(model)
    set_trainable(model, ["connector"])
    ids, pixels = inputs(2, 16, 1, vocabulary)
    with torch.no_grad():
        difference = (
            model(input_ids=ids, pixel_values=pixels).logits
            - peer(vision_x=pixels[:, :, None], lang_x=ids, attention_mask=None).logits
        )
    assert difference.abs().max() < 1e-4, "the two sides don't compute the same"
    return model, peer


@cache
def idefics_side():
    torch.set_num_threads(THREADS)
    return idefics(4096)


def stepper(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """One training step: forward, backward, and AdamW, on every side in one pass over the weights, as the stages have
    it.
    """
    optimizer = torch.optim.AdamW(
        [weight for weight in model.parameters() if weight.requires_grad], lr=1e-4, fused=True
    )

    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    return step


@cache
def training_steps() -> dict[str, Callable[[], None]]:
    """Equal work on all sides: every token labelled, images from pixels, nothing cached."""
    model, peer = sides(4096)
    other = idefics_side()
    ids, pixels = inputs(BATCH, LENGTH, 1, 4096)
    mask, looks = torch.ones_like(ids), torch.ones(BATCH, LENGTH, 1, dtype=torch.long)
    return {
        "ours": stepper(model, lambda: model(input_ids=ids, pixel_values=pixels, labels=ids).loss),
        "openflamingo": stepper(
            peer, lambda: peer(vision_x=pixels[:, :, None], lang_x=ids, attention_mask=mask, labels=ids).loss
        ),
        "idefics": stepper(
            other,
            lambda: (
                other(
                    input_ids=ids,
                    attention_mask=mask,
                    pixel_values=pixels,
                    image_attention_mask=looks,
                    labels=ids,
                    use_cache=False,
                ).loss
            ),
        ),
    }


def train_vs(peer: str) -> Callable[[bool], float]:
    return lambda quick: ratio(training_steps()["ours"], training_steps()[peer])


def step_of(name: str) -> Callable[[], None]:
    return smollm2_step() if name == "smollm2" else training_steps()[name]


@cache
def operations_of(name: str) -> int:
    return operations(step_of(name))


def fraction_of_peak(name: str) -> Callable[[bool], float]:
    return lambda quick: operations_of(name) / seconds(step_of(name)) / matrix_product()


@cache
def sparse_steps() -> tuple[Callable[[], None], Callable[[], None]]:
    """As the stages run: a third of the tokens labelled, vocabulary 32k; our side reads the tower's tokens from a
    cache.
    """
    model, peer = sides(32_000)
    ids, pixels = inputs(BATCH, LENGTH, 1, 32_000)
    labels = ids.clone()
    labels[:, : 2 * LENGTH // 3] = -100
    tokens = model.encode_images(pixels)
    mask = torch.ones_like(ids)
    return (
        stepper(model, lambda: model(input_ids=ids, vision_tokens=tokens, labels=labels).loss),
        stepper(peer, lambda: peer(vision_x=pixels[:, :, None], lang_x=ids, attention_mask=mask, labels=labels).loss),
    )


MEMORY = """
import ctypes, gc, sys
sys.path.insert(0, "benchmarks")
import model as benchmark
from pathlib import Path
def read(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
benchmark.sides(32_000)
gc.collect()
ctypes.CDLL(None).malloc_trim(0)  # what building the two sides left free must not serve the step
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = read("VmRSS:")
benchmark.one_sparse_step(int(sys.argv[1]))
print((read("VmHWM:") - before) / 1024)
"""


def one_sparse_step(side: int) -> None:
    """Warm up with one side's step only (0: ours), so that a fresh process's peak is that side's."""
    model, peer = sides(32_000)
    ids, pixels = inputs(BATCH, LENGTH, 1, 32_000)
    labels = ids.clone()
    labels[:, : 2 * LENGTH // 3] = -100
    if side == 0:
        tokens = model.encode_images(pixels)
        stepper(model, lambda: model(input_ids=ids, vision_tokens=tokens, labels=labels).loss)
    else:
        stepper(
            peer,
            lambda: (
                peer(vision_x=pixels[:, :, None], lang_x=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
            ),
        )


def train_memory(quick: bool) -> float:
    """Peak memory of a step above what the process held before it: ours over theirs, each in a fresh process."""
    us, them = (in_fresh_process(MEMORY, str(side))[0] for side in (0, 1))
    return us / them


@cache
def generators(rows: int, images: int) -> dict[str, Callable[[], object]]:
    """Greedy decoding of the same tokens; checked to be the same for `generate`, `generate_batch`, open-flamingo."""
    model, peer = sides(4096)
    ids, pixels = inputs(rows, PROMPT, images, 4096)
    mask = torch.ones_like(ids)
    settings = {"max_new_tokens": NEW, "min_new_tokens": NEW, "do_sample": False, "pad_token_id": 0}
    found = {
        "generate": lambda: model.generate(ids, attention_mask=mask, pixel_values=pixels, **settings),
        "batch": lambda: generate_batch(
            model, {"input_ids": ids, "attention_mask": mask, "pixel_values": pixels}, NEW, eos=[]
        ),
        "openflamingo": lambda: peer.generate(pixels[:, :, None], ids, attention_mask=mask, eos_token_id=2, **settings),
    }
    with torch.no_grad():
        results = [
            found["generate"]()[:, PROMPT:].tolist(),
            found["batch"](),
            found["openflamingo"]()[:, PROMPT:].tolist(),
        ]
    agree = sum(a == b for a, b in zip(results[0], results[2], strict=True)) / rows
    assert results[0] == results[1] or agree > 0.5, "the paths don't decode the same"
    if images == 1 and rows == 8:
        other, looks = idefics_side(), torch.ones(rows, PROMPT, images, dtype=torch.long)
        found["idefics"] = lambda: other.generate(
            input_ids=ids,
            attention_mask=mask,
            pixel_values=pixels,
            image_attention_mask=looks,
            eos_token_id=2,
            **settings,
        )
        found["idefics"]()
    return found


def generate_vs(us: str, them: str, rows: int = 8, images: int = 1) -> Callable[[bool], float]:
    def measure(quick: bool) -> float:
        found = generators(rows, images)
        return ratio(found[us], found[them])

    return measure


@cache
def smollm2_step() -> Callable[[], None]:
    """A LoRA step at SmolLM2-135M's sizes (random weights: speed doesn't ask what they are), 4 rows of 128, a third
    labelled.
    """
    from flamingo_lib.model import FlamingoConfig, FlamingoForConditionalGeneration
    from flamingo_lib.model.lora import add_lora

    torch.set_num_threads(THREADS)
    text = LlamaConfig(
        vocab_size=49_152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        pad_token_id=0,
    )
    from peers import VISION

    config = FlamingoConfig(
        text_config=text,
        vision_config={"source": "open_clip", "embed_dim": 64, "vision_cfg": VISION},
        resampler_depth=2,
        image_token_id=IMAGE,
    )
    model = add_lora(FlamingoForConditionalGeneration(config), 16, 32)
    ids, pixels = inputs(4, LENGTH, 1, 49_152)
    labels = ids.clone()
    labels[:, : 2 * LENGTH // 3] = -100
    latents = model.resample(model.encode_images(pixels)).detach()
    return stepper(model, lambda: model(input_ids=ids, latents=latents, labels=labels).loss)


ROWS = [
    Row(
        "train_connector_vs_openflamingo",
        "times as fast in a training step, equal work",
        train_vs("openflamingo"),
        runs=9,
    ),
    Row("train_connector_vs_idefics", "the same against Idefics", train_vs("idefics"), runs=9),
    Row(
        "train_fraction_of_peak",
        "operations a second of that step over a matrix product's",
        fraction_of_peak("ours"),
        runs=9,
    ),
    Row(
        "openflamingo_fraction_of_peak",
        "operations a second of open-flamingo's step over a matrix product's",
        fraction_of_peak("openflamingo"),
        runs=9,
    ),
    Row(
        "train_sparse_vs_openflamingo",
        "times as fast as our stages run: vision cached, a third labelled, 32k",
        lambda quick: ratio(*sparse_steps()),
        runs=7,
    ),
    Row("train_memory_vs_openflamingo", "peak memory of that step over theirs", train_memory, runs=3),
    Row(
        "generate_vs_openflamingo",
        "times as fast in generate",
        generate_vs("generate", "openflamingo"),
        runs=9,
    ),
    Row("generate_vs_idefics", "the same against Idefics", generate_vs("generate", "idefics"), runs=9),
    Row(
        "decode_vs_openflamingo",
        "times as fast on the rewriter's path, 8 rows",
        generate_vs("batch", "openflamingo"),
        runs=9,
    ),
    Row(
        "decode_32_vs_openflamingo",
        "the same with 32 rows",
        generate_vs("batch", "openflamingo", 32),
        runs=7,
    ),
    Row(
        "generate_4_images_vs_openflamingo",
        "times as fast in generate, 4 images a row",
        generate_vs("generate", "openflamingo", 8, 4),
        runs=7,
    ),
    Row(
        "smollm2_lora_fraction_of_peak",
        "a LoRA step at SmolLM2-135M's sizes",
        fraction_of_peak("smollm2"),
        runs=7,
    ),
]

if __name__ == "__main__":
    main(ROWS)
