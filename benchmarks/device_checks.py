"""Checks of `benchmarks/device.py`: what the device computes, held against fixtures and against this machine's CPU."""

from __future__ import annotations

import copy
import math
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peers
import torch
from eight_pictures import COLORS, data_root
from harness import ROOT

from flamingo_lib.config import RewritingConfig
from flamingo_lib.evaluation.parity import check_folder
from flamingo_lib.model import generate_batch
from flamingo_lib.model.trainable import set_trainable
from flamingo_lib.presets import load_preset
from flamingo_lib.records import Conversation, Sample, Turn
from flamingo_lib.rewriting.backends.load import load_rewriter
from flamingo_lib.rewriting.backends.settings import BackendConfig
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.rewriting.pictures import Pictures
from flamingo_lib.rewriting.shards import read_shards
from flamingo_lib.training.stages import load_base, train_stage

FIXTURES = ROOT / "tests" / "evaluation" / "data"
PARITY_SLACK = 10.0
"""Another device adds up in another order than the fixtures' CPU; token ids must be equal all the same."""

TOLERANCES: dict[str, dict[str, float]] = {
    "float32": {"logits": 1e-4, "loss": 1e-4, "gradient": 1e-3, "greedy": 1e-3},
    "bfloat16": {"logits": 5e-2, "loss": 2e-2, "gradient": 2e-1, "greedy": 2.5e-1},
}
"""Against float32 on the CPU. Logits and gradient: norm of the difference by norm. Loss: difference by loss. Greedy: by
how many standard deviations of the CPU's logits a token that the device chose falls short of the best, at most.
"""

SAME_TEXTS = 0.9
"""Share of a job's rewrites that are letter by letter those of the CPU, at least."""

BASE = "openflamingo-tiny"


@dataclass(frozen=True)
class Check:
    """One figure of the device with the largest that is right; NaN is not."""

    name: str
    found: float
    at_most: float
    note: str = ""

    @property
    def ok(self) -> bool:
        """Inside its bound."""
        return self.found <= self.at_most


def parity(device: str) -> Iterator[Check]:
    """Both references' fixtures."""
    for folder in sorted(FIXTURES.glob("openflamingo_*")):
        rows = check_folder(folder, device=device, slack=PARITY_SLACK if device != "cpu" else 1.0)
        failed = [f"{row.quantity} {row.error:.1e}" for row in rows if not row.ok]
        yield Check(f"parity, {folder.name}", len(failed), 0, f"of {len(rows)} quantities" + "".join(failed[:2]))


def against_cpu(device: str) -> Iterator[Check]:
    """Forward, backward and greedy generation of one model, on the device in both number formats."""
    model = peers.ours(512)
    set_trainable(model, ["connector"])
    ids, pixels = batch(4, 48, 512)
    truth = outputs(model, ids, pixels)
    for name, bounds in TOLERANCES.items():
        found = outputs(copy.deepcopy(model).to(device, getattr(torch, name)), ids, pixels)
        for quantity in ("logits", "loss", "gradient"):
            yield Check(f"{quantity}, {name}", distance(found[quantity], truth[quantity]), bounds[quantity])
        yield Check(f"greedy, {name}", shortfall(model, ids, pixels, found["tokens"]), bounds["greedy"])


def batch(rows: int, length: int, vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids that begin with an image, and its pixels."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(10, vocabulary, (rows, length), generator=generator)
    ids[:, 0], ids[:, 1] = 1, peers.IMAGE
    side = peers.VISION["image_size"]
    return ids, torch.randn(rows, 1, 3, side, side, generator=generator)


def outputs(model: Any, ids: torch.Tensor, pixels: torch.Tensor) -> dict[str, Any]:
    """Logits, loss, all gradients as one vector, and 16 greedy tokens a row."""
    inputs = {"input_ids": ids.to(model.device), "pixel_values": pixels.to(model.device, model.dtype)}
    result = model(**inputs, labels=inputs["input_ids"])
    result.loss.backward()
    gradient = torch.cat([weight.grad.float().flatten() for weight in model.parameters() if weight.grad is not None])
    model.zero_grad()
    with torch.no_grad():
        logits = model(**inputs).logits.float().cpu()
        tokens = generate_batch(model, inputs | {"attention_mask": torch.ones_like(inputs["input_ids"])}, 16, eos=[])
    return {
        "logits": logits,
        "loss": result.loss.detach().float().cpu(),
        "gradient": gradient.cpu(),
        "tokens": tokens,
    }


def distance(found: torch.Tensor, truth: torch.Tensor) -> float:
    """Norm of the difference by the norm of the truth."""
    return float((found - truth).norm() / truth.norm())


def shortfall(model: Any, ids: torch.Tensor, pixels: torch.Tensor, tokens: list[list[int]]) -> float:
    """See `TOLERANCES`; the CPU reads what the device wrote."""
    whole = torch.cat([ids, torch.tensor(tokens)], dim=1)
    with torch.no_grad():
        logits = model(input_ids=whole, pixel_values=pixels).logits[:, ids.shape[1] - 1 : -1]
    allowed = logits.clone()
    allowed[..., peers.IMAGE] = -math.inf  # never generated
    chosen = logits.gather(-1, torch.tensor(tokens)[..., None])[..., 0]
    return float(((allowed.amax(-1) - chosen) / logits.std()).max())


def samples(count: int) -> list[Sample]:
    """Questions about the pictures."""
    return [
        Sample(
            f"vqa/{n}", "vqa", "vqa", (f"{n % 8}.png",), f"What color is the circle in image {n}?", COLORS[n * 5 % 8]
        )
        for n in range(count)
    ]


def stages(device: str) -> Iterator[Check]:
    """Two steps of each kind of stage of the tiny preset."""
    preset = load_preset("tiny")
    kinds = {"rewriter": preset.rewriter} | {name: preset.stages[name] for name in ("stage1", "stage2", "stage3")}
    with tempfile.TemporaryDirectory() as folder:
        for name, row in kinds.items():
            stage = row.model_copy(update={"max_steps": 2, "batch_size": 4, "micro_batch_size": 4, "warmup_steps": 0})
            said = [
                Conversation(
                    sample.id,
                    (
                        Turn(
                            sample.instruction,
                            f"The circle is {sample.raw}.",
                            1,
                            sample.raw if name == "rewriter" else None,
                        ),
                    ),
                    (str(data_root() / "vqa" / sample.images[0]),),
                )
                for sample in samples(48)
            ]
            base = load_base(BASE, optimize=False)
            before = {key: weight.clone() for key, weight in base[0].state_dict().items()}
            result = train_stage(
                base,
                stage,
                said,
                Path(folder) / name,
                seed=0,
                model_config=preset.model,
                cpu=device == "cpu",
                label=name,
            )
            changed = sum(
                not torch.equal(before.get(key, torch.zeros_like(value, device="cpu")), value.cpu())
                for key, value in base[0].state_dict().items()
                if "lora_a" not in key.lower()  # drawn at random, and not there before
            )
            fine = math.isfinite(result.loss) and changed > 0
            yield Check(f"stage, {name}", float(not fine), 0, f"loss {result.loss:.2f}, {changed} tensors changed")


def jobs(device: str) -> Iterator[Check]:
    """A job of 24 records with each backend, its texts against those of the same job on the CPU."""
    for name, run in (("flamingo", flamingo_texts), ("transformers", transformers_texts), ("server", server_texts)):
        ours, theirs = run(device), run("cpu")
        differ = sum(a != b for a, b in zip(ours, theirs, strict=True)) / len(theirs)
        yield Check(f"job, {name}", differ, 1 - SAME_TEXTS, f"share of {len(theirs)} texts that differ from the CPU's")


def job_texts(make: Callable[[], Any]) -> list[str]:
    """The rewrites of a job."""
    with tempfile.TemporaryDirectory() as out:
        made = make()
        run_job(lambda: samples(24), lambda: lambda some, tick: made.rewrite(some, tick), Path(out), identity={})
        return [rewrite.output for rewrite in read_shards(Path(out))]


CONFIG = RewritingConfig(batch_size=8, max_new_tokens=16)


def flamingo_texts(device: str) -> list[str]:
    """Of our model."""
    return job_texts(lambda: load_rewriter(BASE, Pictures(data_root()), CONFIG, device=device, optimize=False))


def transformers_texts(device: str) -> list[str]:
    """Of a tiny SmolVLM."""
    from flamingo_lib.rewriting.backends.chat_format import ChatFormat
    from flamingo_lib.rewriting.backends.transformers import TransformersRewriter
    from tests.tiny_vlms import idefics3

    torch.manual_seed(0)
    model, processor = idefics3()
    return job_texts(
        lambda: TransformersRewriter(model.to(device), ChatFormat(processor), Pictures(data_root()), CONFIG)
    )


def server_texts(device: str) -> list[str]:
    """Of our model behind our own endpoint."""
    with served(device) as address:
        settings = BackendConfig(kind="server", url=address, concurrency=8)
        return job_texts(lambda: load_rewriter(BASE, Pictures(data_root()), CONFIG, settings))


@contextmanager
def served(device: str) -> Iterator[str]:
    """`flamingo serve` in a thread; its base address."""
    import uvicorn

    from flamingo_lib.cli.serve import listen
    from flamingo_lib.serving.app import ServerSettings, create_app
    from flamingo_lib.serving.flamingo_backend import FlamingoBackend

    backend = FlamingoBackend.load(BASE, name=BASE, optimize=False)
    backend.model.to(device)
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(backend, ServerSettings()), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(10)


CHECKS: dict[str, Callable[[str], Iterator[Check]]] = {
    "parity fixtures": parity,
    "forward, backward, greedy": against_cpu,
    "stages": stages,
    "jobs": jobs,
}
