"""The commands of the campaign, and what of their output has to be the same whatever happened on the way."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flamingo_lib.pf1m.build import ANSWERS
from flamingo_lib.rewriting.shards import read_shards
from tests.faults.inputs import Inputs
from tests.faults.steady import steady

LEFT_OVER = re.compile(r"\.(part|old)$")


@dataclass(frozen=True)
class Command:
    """A command that writes a folder.

    Attributes:
        name: of the command.
        words: its arguments, from the output folder.
        records: the ids of the records in the folder, in order; empty where there are none to lose.
        lock_words: what a second job on the same folder is told.
    """

    name: str
    words: Callable[[Path], list[str]]
    records: Callable[[Path], list[str]]
    lock_words: str


def commands(inputs: Inputs) -> dict[str, Command]:
    """All that write a folder, smallest settings."""
    sources = [f"--source={name}={inputs.root / name}:train:{limit}" for name, limit in
               (("vqa-v2", 12), ("mscoco-captions", 8))]  # fmt: skip
    settings = ["rewriting.batch_size=4", "rewriting.max_new_tokens=8", "rewriting.shard_size=4"]
    loose = ['filters.chain=["change", "repetition", "preamble", "sts", "nli", "clip"]', "filters.sts_min=-1",
             "filters.nli_margin_max=0.1", "filters.clip_score_min=-5", "filters.max_repeats=12"]  # fmt: skip
    steps = ["max_steps=54", "batch_size=1", "micro_batch_size=1"]
    tiny = ["scenes.polite_scenes=12", "scenes.raw_scenes=12", "scenes.calibration_scenes=4",
            "scenes.evaluation_scenes=6", "scenes.held_out_scenes=4", "scenes.held_out_source_questions=4",
            "scenes.text_dialogues=12",
            "distortion.pairs=24", "rewriter.max_steps=2"]  # fmt: skip

    def sets(values: list[str]) -> list[str]:
        return [f"--set={value}" for value in values]

    def build(out: Path) -> list[str]:
        return ["build-pf1m", *sources, f"--rewriter={inputs.model}", f"--out={out}",
                *sets([*settings, *loose, *inputs.judges])]  # fmt: skip

    def rewrite(out: Path) -> list[str]:
        backend = ["--backend=server", f"--url={inputs.url}", "--backend-set=concurrency=2"]
        return ["rewrite", *sources, "--rewriter=tiny", f"--out={out}", *backend, *sets(settings)]

    def train(out: Path) -> list[str]:
        return ["train", "stage1", f"--data={inputs.chats}", f"--images={inputs.images}", f"--base={inputs.model}",
                f"--out={out}", *sets([f"stages.stage1.{step}" for step in steps])]  # fmt: skip

    def pipeline(jobs: int) -> Callable[[Path], list[str]]:
        return lambda out: ["pipeline", f"--run-dir={out}", "--until=rewriter", f"--jobs={jobs}", *sets(tiny)]

    return {
        "build-pf1m": Command("build-pf1m", build, shard_ids, "another job is writing"),
        "rewrite (server)": Command("rewrite (server)", rewrite, shard_ids, "another job is writing"),
        "train": Command("train", train, lambda _: [], "another job"),
        **{
            name: Command(name, pipeline(jobs), lambda _: [], "another process is working")
            for name, jobs in (("pipeline", 1), ("pipeline (2 jobs)", 2))
        },
    }


def shard_ids(out: Path) -> list[str]:
    """Ids of the records in a job's shards."""
    return [record.sample.id for record in read_shards(out)]


def fingerprint(out: Path) -> dict[str, str]:
    """A digest of each file by its name; times, and others that `steady` leaves out of JSON files, play no part."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.is_file() and not any(part.startswith(".") for part in Path(name).parts):
            content = path.read_bytes()
            if path.suffix == ".json":
                with suppress(ValueError):  # some publishers' files of lines are called so
                    content = json.dumps(steady(json.loads(content)), sort_keys=True).encode()
            elif name == ANSWERS:  # a memory that is written in the order in which answers come
                content = json.dumps(sorted(_lines(content))).encode()
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def _lines(content: bytes) -> set[str]:
    found = set()
    for line in content.decode("utf-8", "replace").splitlines():
        with suppress(ValueError):
            found.add(json.dumps(json.loads(line), sort_keys=True))
    return found


def left_over(out: Path) -> list[str]:
    """Half-written files and folders."""
    return sorted(str(path.relative_to(out.parent)) for path in out.parent.rglob(".*") if LEFT_OVER.search(path.name))
