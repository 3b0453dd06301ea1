"""PF-1M construction: the rewriting job beside plain generation, filters and judges, a million records from file to
dataset.

Run `python benchmarks/pf1m.py [--quick] [--json FILE] [--only ROW]`. Speeds are processor time of one process on one
thread, the two sides of a ratio in turns. With `--quick` the million is a hundred thousand. rouge-score comes with the
extra `bench`.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from harness import Row, in_fresh_process, main

from flamingo_lib.config import FiltersConfig, RewritingConfig
from flamingo_lib.records import Rewrite, Sample
from flamingo_lib.scenes.annotations import caption
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.language import paragraph, polite
from flamingo_lib.scenes.questions import ask
from flamingo_lib.scenes.render import render

SOURCE, BATCH, NEW_TOKENS = "vqa-v2", 64, 32

MILLION = """
import sys, time
from pathlib import Path
from flamingo_lib.config import FiltersConfig
from flamingo_lib.filters.chain import RULES, Chain
from flamingo_lib.pf1m.sources import ImageSizes, SourceSpec, SourceStream
from flamingo_lib.records import Rewrite
from flamingo_lib.pf1m.parquet import write_parquet
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.pf1m.record import from_rewrite, write_through
from flamingo_lib.rewriting.shards import read_shards

root, count = Path(sys.argv[1]), int(sys.argv[2])
chain = Chain(FiltersConfig(chain=RULES))

class Work:
    def __call__(self, samples, tick):
        done = [Rewrite(sample, f"Certainly! {sample.raw} I hope that this helps.") for sample in samples]
        tick(len(done))
        return chain.judge_batch(done)

start = time.process_time()
stream = SourceStream([SourceSpec("alpaca-gpt4", str(root), "train")], 0, root / "out" / "quarantine.jsonl")
result = run_job(stream, Work, root / "out", identity={}, stamp=ImageSizes({"alpaca-gpt4": str(root)}))
kept = (from_rewrite(rewrite) for rewrite in read_shards(root / "out") if rewrite.kept)
written = write_parquet(root / "out", write_through(root / "out" / "pf1m.json", kept))
assert result.records == written == count, (result, written)
print((time.process_time() - start) / count)
"""


def million(count: int) -> tuple[float, float]:
    """(seconds of processor time a record, peak MB) of reading, rule filters and writing, with a fake rewriter."""
    draw = random.Random(0)
    words = "the red circle of a large blue star is near two small green rings and one square below it".split()
    with tempfile.TemporaryDirectory(prefix="flamingo-bench-") as folder:
        file = Path(folder) / "data" / "alpaca_gpt4_data.json"
        file.parent.mkdir()
        with file.open("w") as out:
            out.write("[")
            for number in range(count):
                text = " ".join(draw.sample(words, 12)).capitalize()
                record = {
                    "instruction": f"Tell me about scene {number}.",
                    "input": "",
                    "output": f"{text} in scene {number}.",
                }
                out.write((",\n" if number else "\n") + json.dumps(record))
            out.write("\n]\n")
        return in_fresh_process(MILLION, folder, str(count))


@cache
def of_million(quick: bool) -> tuple[float, float]:
    """One run for both rows of the million."""
    return million(100_000 if quick else 1_000_000)


def million_peak_mb(quick: bool) -> float:
    """Peak memory of the process, MB."""
    return of_million(quick)[1]


def million_unit_cost_vs_10k(quick: bool) -> float:
    """Processor time a record: of a million over that of ten thousand."""
    return of_million(quick)[0] / min(million(10_000)[0] for _ in range(1 if quick else 3))


@cache
def pictures() -> Path:
    """A data root with the images of 200 scenes."""
    root = Path(tempfile.mkdtemp(prefix="flamingo-bench-"))
    (root / SOURCE).mkdir()
    for number in range(200):
        render(draw_scene(0, f"s{number}"), 224).save(root / SOURCE / f"{number}.jpg", quality=92)
    return root


def samples(count: int) -> list[Sample]:
    """Raw annotations: answers, and captions of five lines."""
    made = []
    for number in range(count):
        draw, scene = random.Random(number), draw_scene(0, f"s{number % 200}")
        question = ask(scene, draw)
        text, raw = question.text, question.answer
        if number % 3 == 0:
            text, raw = "Describe the image in detail.", "\n".join(caption(draw, scene) for _ in range(5))
        made.append(Sample(f"{SOURCE}/{number}", SOURCE, "vqa", (f"{number % 200}.jpg",), text, raw))
    return made


@cache
def rewriter() -> Any:
    """The shipped base as a rewriter on one thread; it never ends a text by itself, so that all sides write as many
    tokens.
    """
    import torch

    from flamingo_lib.rewriting.backends.flamingo import FlamingoRewriter
    from flamingo_lib.rewriting.pictures import Pictures

    torch.set_num_threads(1)
    config = RewritingConfig(batch_size=BATCH, max_new_tokens=NEW_TOKENS)
    made = FlamingoRewriter.load("openflamingo-tiny", Pictures(pictures()), config)
    made.model.generation_config.eos_token_id = None
    return made


def fresh() -> Any:
    """The rewriter without latents of images it has seen."""
    made = rewriter()
    made._latents.clear()
    made._held = made.tokens = 0
    return made


def job_rate(chosen: list[Sample]) -> float:
    """Tokens a second of the whole job: images read and encoded, texts generated, shards written."""
    from flamingo_lib.rewriting.job import run_job

    made = fresh()
    with tempfile.TemporaryDirectory() as out:
        start = time.process_time()
        run_job(lambda: chosen, lambda: made, Path(out), identity={})
        return made.tokens / (time.process_time() - start)


def inputs_of(chosen: list[Sample]) -> dict[str, Any]:
    """What the processor makes of samples with one image each."""
    from flamingo_lib.records import Turn

    made = rewriter()
    chats = [[Turn(sample.instruction, images=1, draft=sample.raw)] for sample in chosen]
    return dict(
        made.processor(
            chats=chats,
            images=[made.pictures(sample) for sample in chosen],
            generation_prompt=True,
            padding_side="left",
        )
    )


def generate(inputs: dict[str, Any]) -> int:
    """Greedy `model.generate`; returns the number of new tokens."""
    import torch

    made = rewriter()
    pad = made.processor.tokenizer.pad_token_id
    with torch.inference_mode():
        ids = made.model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=pad)
    return ids[:, inputs["input_ids"].shape[1] :].numel()


def rewrite_vs_generate(quick: bool) -> float:
    """Tokens a second of the job over those of `model.generate` on the same batches, made beforehand."""
    chosen = samples(BATCH * (2 if quick else 6))
    order = sorted(chosen, key=lambda sample: len(sample.raw) + len(sample.instruction))
    batches = [inputs_of(order[start : start + BATCH]) for start in range(0, len(order), BATCH)]
    generate(batches[0])
    ours = job_rate(chosen)
    start = time.process_time()
    tokens = sum(map(generate, batches))
    return ours * (time.process_time() - start) / tokens


def rewrite_vs_one_by_one(quick: bool) -> float:
    """Tokens a second of the job over those of a loop over single records."""
    chosen = samples(BATCH * (2 if quick else 4))
    some = chosen[:: len(chosen) // (16 if quick else 48)]
    generate(inputs_of(some[:1]))
    ours = job_rate(chosen)
    start = time.process_time()
    tokens = sum(generate(inputs_of([sample])) for sample in some)
    return ours * (time.process_time() - start) / tokens


@cache
def answered(count: int) -> list[Rewrite]:
    """Rewrites as they should be: sentences of some 15 words, and paragraphs."""
    made = []
    for number in range(count):
        draw, scene = random.Random(number), draw_scene(0, f"s{number % 200}")
        question = ask(scene, draw)
        text, raw, output = question.text, question.answer, polite(draw, scene, question)
        if number % 4 == 0:
            text, raw, output = "Describe the image in detail.", caption(draw, scene), paragraph(draw, scene)
        made.append(Rewrite(Sample(str(number), SOURCE, "vqa", (), text, raw), output))
    return made


def rule_filters_records_per_s(quick: bool) -> float:
    """Records a second through the filters that need no model, Rouge-L among them."""
    from flamingo_lib.filters.chain import RULES, Chain

    batch, chain = answered(2000 if quick else 8000), Chain(FiltersConfig(chain=RULES))
    start = time.process_time()
    for begin in range(0, len(batch), 500):
        chain.judge_batch(batch[begin : begin + 500])
    return len(batch) / (time.process_time() - start)


def sts_vs_one_by_one(quick: bool) -> float:
    """Pairs a second of the STS judge, in the precision it chooses, over those of a loop that embeds one text at a time
    in float32.
    """
    import torch

    from flamingo_lib.judges.sts import StsJudge

    torch.set_num_threads(1)
    judge, plain = StsJudge(device="cpu"), StsJudge(device="cpu", precision="float32").model
    pairs = [(rewrite.sample.raw, rewrite.output) for rewrite in answered(2000)[: 256 if quick else 1024]]
    judge(*zip(*pairs[:8], strict=True))
    start = time.process_time()
    judge(*zip(*pairs, strict=True))
    ours = len(pairs) / (time.process_time() - start)
    some = pairs[:: 8 if quick else 16]
    plain.encode(some[0][0])
    start = time.process_time()
    for pair in some:
        first, second = (plain.encode(text, normalize_embeddings=True, show_progress_bar=False) for text in pair)
        float(first @ second)
    return ours * (time.process_time() - start) / len(some)


def rouge_vs_rouge_score(quick: bool) -> float:
    """Pairs a second of our Rouge-L over those of the rouge-score package; the figures are checked to be the same."""
    from rouge_score.rouge_scorer import RougeScorer

    from flamingo_lib.judges.rouge import rouge_l

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    texts = [rewrite.output for rewrite in answered(2000)]
    draw = random.Random(0)
    pairs = [(draw.choice(texts), draw.choice(texts)) for _ in range(2000 if quick else 10_000)]

    def timed(score: Callable[[str, str], float]) -> tuple[list[float], float]:
        start = time.process_time()
        return [score(*pair) for pair in pairs], time.process_time() - start

    (ours, our_time), (theirs, their_time) = timed(rouge_l), timed(lambda a, b: scorer.score(a, b)["rougeL"].fmeasure)
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 1e-9
    return their_time / our_time


ROWS = [
    Row(
        "rewrite_vs_generate",
        "tokens a second, the job / model.generate on the same batches",
        rewrite_vs_generate,
        at_least=0.9,
    ),
    Row("rewrite_vs_one_by_one", "the same, the job / a loop over single records", rewrite_vs_one_by_one, at_least=6),
    Row(
        "rule_filters_records_per_s",
        "records a second through rule filters and Rouge-L",
        rule_filters_records_per_s,
        at_least=20_000,
    ),
    Row("rouge_vs_rouge_score", "pairs a second, our Rouge-L / rouge-score", rouge_vs_rouge_score, at_least=10),
    Row(
        "sts_vs_one_by_one",
        "pairs a second with MiniLM, StsJudge / one by one in float32",
        sts_vs_one_by_one,
        at_least=8,
    ),
    Row("million_peak_mb", "peak memory of a million records, MB", million_peak_mb, at_most=1000, runs=1),
    Row(
        "million_unit_cost_vs_10k",
        "processor time a record, a million / ten thousand",
        million_unit_cost_vs_10k,
        at_most=1.15,
        runs=1,
    ),
]

if __name__ == "__main__":
    main(ROWS)
