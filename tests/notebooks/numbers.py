"""The numbers in the notebooks' prose and in the README's results, each with its source.

A row is a piece of prose with `{}` for its numbers, and the numbers: from the library, its presets, the paper's
numbers, docs/method.md, or the notebook's own code. Written in, they have to give what stands there, letter by letter.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from math import prod
from pathlib import Path
from types import ModuleType

import nbformat
import torch
from scipy.stats import binomtest

from flamingo_lib.distortion.commands import STYLE_COMMANDS
from flamingo_lib.distortion.mixture import PAPER_PARTS
from flamingo_lib.evaluation.paper import paper_generations, paper_median_rewards, paper_u
from flamingo_lib.judges.clipscore import ClipScoreJudge
from flamingo_lib.presets import load_preset
from flamingo_lib.scenes.graph import COLORS, HELD_OUT_PAIRS, OBJECT_COUNTS, POSITIONS, SHAPES
from flamingo_lib.scenes.graph import SIZES as SIZES_DRAWN
from flamingo_lib.scenes.questions import QUESTION_TYPES
from flamingo_lib.scenes.render import MODEL_SIZE, render
from flamingo_lib.sources.mixture import ADOPTED, REWRITTEN_IN_ALL, STAGE_1
from flamingo_lib.study.claim_table import ACCURACY_MARGIN, tax
from flamingo_lib.teaching import filters as filter_checks
from flamingo_lib.teaching import generations as generation_checks
from flamingo_lib.teaching import scenes_and_sources as scene_checks
from flamingo_lib.teaching import talk as talk_checks
from flamingo_lib.training.model_cost import Shape
from flamingo_lib.training.resource_plan import FRAGMENTATION, UTILIZATION, known_config, plan_stage

ROOT = Path(__file__).parents[2]


# --- where numbers are read


@cache
def notebook(name: str) -> nbformat.NotebookNode:
    """A notebook by its number, "07", or of the solutions, "solutions/07"."""
    folder, number = (ROOT / "notebooks" / name).parent, name.rpartition("/")[2]
    return nbformat.read(next(folder.glob(f"{number}_*.ipynb")), 4)


def code(name: str, pattern: str) -> float:
    """The number in the notebook's code that `pattern` has a group for."""
    return _only(pattern, "\n".join(cell.source for cell in notebook(name).cells if cell.cell_type == "code"), name)


def checked(module: ModuleType, pattern: str) -> float:
    """The number in the code of an exercise's check."""
    return _only(pattern, inspect.getsource(module), module.__name__)


def method(pattern: str) -> float:
    """The number in docs/method.md, where the paper's facts stand; k, M and B are written out."""
    return _only(pattern, (ROOT / "docs" / "method.md").read_text("utf-8"), "docs/method.md")


def drawn(name: str, pattern: str) -> float:
    """The number that a picture of docs/images says."""
    return _only(pattern, (ROOT / "docs" / "images" / name).read_text("utf-8"), name)


def _only(pattern: str, text: str, where: str) -> float:
    found = set(re.findall(pattern, text))
    assert len(found) == 1, f"{where}: {pattern!r} finds {sorted(found)}"
    (number,) = found
    scale = {"k": 1e3, "M": 1e6, "B": 1e9}.get(number[-1], 1)
    value = float(number.rstrip("kMB").replace(",", "").replace("_", "")) * scale
    return int(value) if value.is_integer() else value


def lines(name: str, *defined: str) -> str:
    """How many lines the notebook's own functions and classes take, in words; empty ones don't count."""
    count = 0
    for cell in notebook(name).cells:
        for node in ast.parse(cell.source).body if cell.cell_type == "code" else ():
            if getattr(node, "name", None) in defined:
                count += sum(bool(line.strip()) for line in ast.get_source_segment(cell.source, node).splitlines())
    return word(count)


def word(number: int) -> str:
    """A number up to 99 in words."""
    small = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    ).split()
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if number < 20:
        return small[number]
    return tens[number // 10 - 2] + (f"-{small[number % 10]}" if number % 10 else "")


def default(function: Callable, name: str) -> float:
    return inspect.signature(function).parameters[name].default


def short(value: float, digits: int = 3, sign: str = "") -> str:
    """A number as we write it, without a zero before the point: -.82, and with `sign="+"` +.032; halves go up."""
    rounded = Decimal(str(round(value, 9))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return re.sub(r"^([+-]?)0(?=\.)", r"\1", f"{rounded:{sign}f}")


# --- what many rows read

TINY, PAPER = load_preset("tiny"), load_preset("paper")
S1, S2 = PAPER.stages["stage1"], PAPER.stages["stage2"]
MILLION, BILLION, THOUSAND = 1e6, 1e9, 1e3
OURS, THEIRS = known_config(TINY.model.base), known_config(PAPER.model.base)
OUR_TEXT, TEXT = OURS.text_config, THEIRS.text_config
OUR_RANK, RANK = TINY.model.lora_rank, PAPER.model.lora_rank
SIZES = Shape(THEIRS, RANK).parameters()
WHOLE, OUR_WHOLE = sum(SIZES.values()), sum(Shape(OURS, OUR_RANK).parameters().values())
LORA = method(r"LoRA \(([\d.]+)B\)")
TRAINED = method(r"feed-forward \(([\d.]+)B\)")
DATASETS = method(r"(\d+) datasets, cast as instruction")
HOURS = [method(rf"hours on 8 x A100 \| {row} \|") for row in (r"([\d.]+) \| [\d.]+", r"[\d.]+ \| ([\d.]+)")]
PARTS = [count / THOUSAND for count in PAPER_PARTS.values()]
TEXTS_PART = method(r"its text gives (133k)") / THOUSAND
PAIRS = PAPER.distortion.pairs / THOUSAND
REWRITTEN, KEPT = REWRITTEN_IN_ALL / MILLION, ADOPTED // 10_000 / 100
REWARDS, GENERATIONS = paper_median_rewards(), list(paper_generations().values())
SIDE, PICTURE = round(len(POSITIONS) ** 0.5), default(render, "size")
NOISE_DRAWS = code("02", r"for number in range\((1000)\)")
HEADS_UP, ALPHA = code("08", r"random\(\(\d+, \d+\)\) < ([\d.]+)"), code("08", r"if p < ([\d.]+)")
LOSS = checked(filter_checks, r"loss <= ([\d.]+)")
SUMS = (code("11", r"for a in range\(1, (\d)\)") - 1) ** 2
HALF_OVERFLOWS = next(n for n in range(100) if torch.tensor(float(n), dtype=torch.float16).exp().isinf())
PLANS = {n: plan_stage("stage2", S2, PAPER.model, gpus=n, memory=80, config=THEIRS) for n in (1, 2, 4, 8)}


def tower(config):
    """Pixels of a side, those of a patch's, patches, and the width of their tokens."""
    found = config.vision_config["vision_cfg"]
    return (
        found["image_size"],
        found["patch_size"],
        (found["image_size"] // found["patch_size"]) ** 2,
        found["width"],
    )


def heads(config):
    """Heads and their width, which resampler and gated attention share."""
    found = config.resampler_heads, config.resampler_dim_head
    assert found == (config.cross_attention_heads, config.cross_attention_dim_head)
    return found


(OUR_PIXELS, OUR_PATCH, OUR_PATCHES, OUR_WIDTH), (PIXELS, PATCH, PATCHES, WIDTH) = tower(OURS), tower(THEIRS)
OUR_HEADS, HEADS = heads(OURS), heads(THEIRS)
RESAMPLER = (WIDTH, THEIRS.resampler_depth, THEIRS.num_latents, *HEADS)


def moved(later: str, earlier: str, *columns: int):
    """What the paper's Figure 9 gives for two models: later less earlier, as accuracy (columns 0, 1) or reward (2)."""
    one, two = paper_u(later), paper_u(earlier)
    return [short(one[column] - two[column], 2 if column == 2 else 3, "+") for column in columns]


def mcnemar(first: int, second: int) -> float:
    return binomtest(first, first + second).pvalue


# --- the table

CLAIMS: dict[str, list[tuple]] = {
    "00": [
        ("Each scene has {} to {} objects", word(min(OBJECT_COUNTS)), word(max(OBJECT_COUNTS))),
        ("{} pairs of shape and colour never occur", word(len(HELD_OUT_PAIRS)).capitalize()),
        ("less the {} that are held out, and {} sizes", word(len(HELD_OUT_PAIRS)), word(len(SIZES_DRAWN))),
        ("That is the **bootstrap**, {} lines", lines("00", "interval")),
        ("in different cells of a {} × {} board", SIDE, SIDE),
        ("there are {} × {} pairs less", len(SHAPES), len(COLORS)),
        ("here {:.0f} million parameters", OUR_WHOLE / MILLION),
        ("{:.0f} times the cosine of their CLIP features", method(r"\*\*CLIPScore\*\* is (\d+) times")),
    ],
    "01": [
        ("a question of each of {} types", word(len(QUESTION_TYPES))),
        ("questions of {} types", word(len(QUESTION_TYPES))),
        ("a checker takes {} lines", lines("01", "holds")),
        ("{} lines, and they should give", lines("01", "read_vqa").capitalize()),
        ("the same at {} pixels", MODEL_SIZE),
        (
            "clean edges at {} × {} pixels for us; the model sees it at {} × {}.",
            PICTURE,
            PICTURE,
            OUR_PIXELS,
            OUR_PIXELS,
        ),
        ("patches of {} × {} pixels", OUR_PATCH, OUR_PATCH),
        ("against the library's on {} sentences", scene_checks.SENTENCES),
        ("The first {} samples of both readers", code("01", r'split="train"\), (\d+)\)')),
        ("of the {} answers are a single word", code("01", r'split="train"\), (\d+)\)')),
        ("from {:.0f} datasets", DATASETS),
    ],
    "02": [
        ("{} lines for four operations", lines("02", "edit_word")),
        ("The paper made {:.0f} thousand pairs", PAIRS),
        ("promises one of {} styles", len(STYLE_COMMANDS)),
        ("the same {} commands as operations", len(STYLE_COMMANDS)),
        ("Add a {}th command", len(STYLE_COMMANDS) + 1),
        ("were drawn for {:,} seeds", NOISE_DRAWS),
        ("In {:,} texts each of the four character operations", NOISE_DRAWS),
        ("operations was drawn some {:.0f} times", NOISE_DRAWS / 2 / 4),
        ("word operations some {:.0f} times", NOISE_DRAWS / 2 / 3),
        ("One in eight ({}) is what the coins say", short(0.5**3)),
        ("the paper has {:.0f} thousand of {:.0f}", PARTS[3], PAIRS),
        ("The paper's Figure 3 has {:.0f} + {:.0f} + {:.0f} + {:.0f} thousand", *PARTS),
        ("its text has {:.0f} thousand for the first part", TEXTS_PART),
        ("and {:.0f} in all", PAIRS),
        ("and {:.0f} comes nearer", PARTS[0]),
        ("({:.0f} against {:.0f})", sum(PARTS), sum(PARTS) - PARTS[0] + TEXTS_PART),
    ],
    "03": [
        ("Our {} lines agree", lines("03", "attended_image")),
        (
            "{} lines are the whole resampler",
            lines(
                "03", "attention", "Attention", "ReadPatches", "feed_forward", "ResamplerLayer", "Resampler"
            ).capitalize(),
        ),
        ("patch tokens of an image | {} | {}", OUR_PATCHES, PATCHES),
        ("the vectors an image becomes | {} | {}", OURS.num_latents, THEIRS.num_latents),
        ("width of patch tokens and latents | {} | {}", OUR_WIDTH, WIDTH),
        ("width of the language model | {} | {}", OUR_TEXT.hidden_size, TEXT.hidden_size),
        ("heads and their width | {} × {} | {} × {}", *OUR_HEADS, *HEADS),
        (
            "tokens of a row | up to {} | {} in stage 1",
            OUR_TEXT.max_position_embeddings,
            S1.context_length,
        ),
        ("images of a row | up to {} | up to {}", TINY.stages["stage1"].max_images, S1.max_images),
        ("The paper counts {} billion for what stage 2 trains", TRAINED),
        ("three colours | {} × {} × {} | {} × {} × {}", OUR_PATCH, OUR_PATCH, 3, PATCH, PATCH, 3),
        ("rows | {} × {} | {} × {}", OUR_WIDTH, 3 * OUR_PATCH**2, WIDTH, 3 * PATCH**2),
        ("so there are {} patch tokens", OUR_PATCHES),
        ("the paper's tower has ({} / {})² = {}", PIXELS, PATCH, PATCHES),
        ("patch tokens, normalised | {} × {} | {} × {}", OUR_PATCHES, OUR_WIDTH, PATCHES, WIDTH),
        ("latents $L$, normalised | {} × {} | {} × {}", OURS.num_latents, OUR_WIDTH, THEIRS.num_latents, WIDTH),
        (
            "what is read | {} × {} | {} × {}",
            OURS.num_latents + OUR_PATCHES,
            OUR_WIDTH,
            THEIRS.num_latents + PATCHES,
            WIDTH,
        ),
        ("all heads at once | {} × {} | {} × {}", OUR_WIDTH, prod(OUR_HEADS), WIDTH, prod(HEADS)),
        ("back to the width | {} × {} | {} × {}", prod(OUR_HEADS), OUR_WIDTH, prod(HEADS), WIDTH),
        ("GELU, down | × {} | × {}", OURS.resampler_ff_mult, THEIRS.resampler_ff_mult),
        ("depth | layers | {} | {}", OURS.resampler_depth, THEIRS.resampler_depth),
        ("width {}, depth {}, {} latents, {} heads of {}", *RESAMPLER),
        ("have {} × {}, keys and values {} × {} together", WIDTH, prod(HEADS), WIDTH, 2 * prod(HEADS)),
        ("feed-forward {} × {} × {}, three norms", 2, WIDTH, THEIRS.resampler_ff_mult * WIDTH),
        ("of {} latents read their own cell", OURS.num_latents),
        ("the paper's size {} latents share {} patches", THEIRS.num_latents, PATCHES),
        ("hidden states of the text | $T$ × {} | $T$ × {}", OUR_TEXT.hidden_size, TEXT.hidden_size),
        ("latents of the row's images | $9m$ × {} | $64m$ × {}", OUR_WIDTH, WIDTH),
        (
            "a pair before each of {} layers | before every {}th of {}",
            OUR_TEXT.num_hidden_layers // OURS.cross_attention_every,
            THEIRS.cross_attention_every,
            TEXT.num_hidden_layers,
        ),
        ("| {} heads of {} | {} heads of {} |", *OUR_HEADS, *HEADS),
        ("In {} scenes with three objects", code("03", r"share_on_target\(number\) for number in range\((\d+)\)")),
        ("Ask the {} questions again", code("03", r"count=3\) for number in range\((96)\)")),
        ("An image has {} patches", PATCHES),
        ("{}, the number of learned latents", THEIRS.num_latents),
    ],
    "04": [
        ("{} lines:", lines("04", "LoRALinear").capitalize()),
        ("against the library's on {} pairs of the run", code("04", r"sample\(pairs, min\((\d+), len\(pairs\)\)\):")),
        (
            "frozen | up to {} × {} | up to {} × {}",
            OUR_TEXT.hidden_size,
            OUR_TEXT.intermediate_size,
            TEXT.hidden_size,
            TEXT.intermediate_size,
        ),
        ("rank | {} | {}", OUR_RANK, RANK),
        (
            "× inputs, random at first | {} × {} and more | {} × {} and more",
            OUR_RANK,
            OUR_TEXT.hidden_size,
            RANK,
            TEXT.hidden_size,
        ),
        (
            "**zero** at first | {} × {} and more | {} × {} and more",
            OUR_TEXT.hidden_size,
            OUR_RANK,
            TEXT.hidden_size,
            RANK,
        ),
        ("without a new learning rate | {} | not given; Guanaco's {}", TINY.model.lora_alpha, PAPER.model.lora_alpha),
        ("The paper reports {} billion for its LoRA", LORA),
        ("Rank {} on the seven linears", RANK),
        ("'s {} layers gives {:.2f}", TEXT.num_hidden_layers, SIZES["lora"] / BILLION),
        (
            "another {:.2f}, it would be {:.2f}",
            SIZES["embeddings"] / BILLION,
            (SIZES["lora"] + SIZES["embeddings"]) / BILLION,
        ),
        ("Ten times, on the same {} pairs", code("04", r"sample\(asked, min\((\d+)")),
        ("Ten steps on {} pairs only learn these {}.", *2 * [code("04", r"sample\(asked, min\((\d+)")]),
        (
            "trains on {:.0f} thousand pairs for {:.0f} epochs, {} hours on {}",
            PAIRS,
            PAPER.rewriter.epochs,
            method(r"8 x A100, 40 GB \| ([\d.]+) \|"),
            method(r"\| (\d) x A100, 40 GB"),
        ),
    ],
    "05": [
        ("The paper names {} kinds of bad rewrites", word(len(filter_checks.ZOO))),
        ("In the paper {} million rewrites", REWRITTEN),
        ("the {} million that survive", KEPT),
        ("in a batch of {} are equal", code("05", r"for item in judged\[:(\d+)\]\]")),
        ("{} pixels | a small one", PIXELS),
        ("(up to {}), and of the image", default(ClipScoreJudge, "sentences")),
        (
            "in the paper {} of {} million, {:.0%}.",
            KEPT,
            REWRITTEN,
            KEPT / REWRITTEN,
        ),
        ("for {} good ones", filter_checks.GOOD),
        (
            "The paper sets {} for STS and {:.0f} for",
            short(method(r"is below (0\.\d+)"), 2),
            method(r"that score below ([\d.]+) \|"),
        ),
        (
            "with the threshold at {:.0f} …, at {:.0f} …",
            *(code("05", rf"{{at\(({n})\)}}") for n in (r"[1-9]\.0", r"-\d\.0")),
        ),
        ("draws {} questions", code("05", r"for number in range\((150)\)")),
        ("a margin of {}, which drops", code("05", r"ex_05_2\([^)]*before=([\d.]+)")),
        ("at most {} % of", round(100 * LOSS)),
        ("margins at {} is about the lowest", short(1 - LOSS, 2)),
        (
            "raw annotations is {:.2f}, of · {:.2f}.",
            REWARDS["PF-1M-raw (1.17M)"],
            REWARDS["PF-1M (0.97M)"],
        ),
    ],
    "06": [
        ("{} lines:", lines("06", "random_fill").capitalize()),
        ("in windows of {} tokens, three ways", drawn("windows.svg", r"windows of (\d+) tokens")),
        (
            "| from {} | from {}, {} |",
            TINY.stages["stage1"].context_length,
            S1.context_length,
            S2.context_length,
        ),
        (
            "at most | {} | {}, {} |",
            TINY.stages["stage1"].max_images,
            S1.max_images,
            S2.max_images,
        ),
        ("We take {:,} of the polite samples", code("06", r"sample\(samples, min\((\d+),")),
        ("windows are longer, {:,} in", S1.context_length),
        ("Plan at {} tokens", code("06", r"ex_06_6\(fills, packed.sizes, (\d+),")),
        ("instead of {}.", TINY.stages["stage1"].context_length),
    ],
    "07": [
        ("lifts held-in accuracy from {} to {}", short(paper_u("stage1")[0]), short(paper_u("stage2")[0])),
        ("reward falls from {} to {};", short(paper_u("stage1")[2], 2), short(paper_u("stage2")[2], 2)),
        ("brings reward back to {}", short(paper_u("stage3")[2], 2)),
        ("raw annotations end at {}", short(paper_u("raw")[2], 2)),
        ("conversations here, {:,} of {:,} in the paper", STAGE_1.parts[0].limit, S1.samples),
        (
            "the paper's {:.0f}, {:.0f} and {:.0f}",
            *(PAPER.stages[name].epochs for name in ("stage1", "stage2", "stage3")),
        ),
        ("goes over its {:,} samples {:.0f} times", S2.samples, S2.epochs),
        (
            "in batches of {:,} windows of {} tokens",
            S2.batch_size,
            S2.context_length,
        ),
        ("gives {} billion for LoRA and {} billion for", LORA, TRAINED),
        ("that is {:.0f} and {:.0f} %", 100 * LORA / (WHOLE / BILLION), 100 * TRAINED / (WHOLE / BILLION)),
        ("The resampler has width {}, depth {}, {} latents, {} heads of {}", *RESAMPLER),
        (
            "a gated layer has width {}, sees latents of {} by {} heads of {}, "
            "and stands before every {}th of {} layers",
            TEXT.hidden_size,
            WIDTH,
            *HEADS,
            THEIRS.cross_attention_every,
            TEXT.num_hidden_layers,
        ),
        ("against ·: held-in accuracy … (paper {}), mean reward … (paper {})", *moved("stage2", "stage1", 0, 2)),
        ("accuracy on held-out sources … (paper {})", *moved("stage2", "stage1", 1)),
        ("reward … (paper {}), held-in accuracy … (paper {}). Nothing", *moved("stage3", "stage2", 2, 0)),
        ("Raw against ·: mean reward … (paper {}), held-in accuracy … (paper {})", *moved("raw", "stage2", 2, 0)),
        ("each of the {} questions", code("07", r'of\("raw", "held_in"\)\[:(\d+)\]')),
    ],
    "08": [
        ("in {} lines:", lines("08", "nli_accuracy")),
        (
            "Of {} samples of {} throws",
            code("08", r"random\(\((\d+), \d+\)\)"),
            code("08", r"random\(\(\d+, (\d+)\)\)"),
        ),
        ("heads {} of the time", short(HEADS_UP, 1)),
        ("intervals hold {};", short(HEADS_UP, 1)),
        ("they aim at {:.0f} %", 100 - 2 * code("08", r"\[(2\.5), 97\.5\]")),
        ("with p below {}:", short(ALPHA, 2)),
        ("Four tests at {} would", short(ALPHA, 2)),
        ("a p just below {} is", short(ALPHA, 2)),
        ("lies within ±{} of accuracy", short(ACCURACY_MARGIN, 2)),
        ('or "within ±{:.2f}"', ACCURACY_MARGIN),
        ('"below {}" or', next(row.rule.bound for row in tax() if row.name == "tax.polite")),
        ("With {} against {} McNemar's p is {}", 40, 26, short(mcnemar(40, 26), 2)),
        ("with {} against {} it is {}", 16, 2, short(mcnemar(16, 2))),
    ],
    "09": [
        ("Least squares for one variable is {} lines", lines("09", "at_equal_length")),
        ("mean reward rises from {:.2f} to {:.2f}", GENERATIONS[0][0], GENERATIONS[1][0]),
        (
            "falls from {:.1f} percent to {:.0f}",
            100 * GENERATIONS[0][1],
            100 * GENERATIONS[1][1],
        ),
        ("CLIPScore falls from {} to {}", GENERATIONS[0][2], GENERATIONS[1][2]),
        ("is at least {}.", short(checked(generation_checks, r"rouge_l\(two, one\) >= ([\d.]+)"), 2)),
    ],
    "10": [
        ("In {} lines:", lines("10", "read_table", "put_back")),
        ("format takes {} lines to build", lines("10", "conversation")),
        ("on {}, {}, {} and {} GPUs", *PLANS),
        ("From {} to {} GPUs", 2, 8),
        ("memory falls from {:.0f} to {:.0f} gigabytes", PLANS[2].total, PLANS[8].total),
        ("activations stay at {:.0f}", FRAGMENTATION * PLANS[8].memory["activations"]),
        ("hours fall from {:.0f} on one GPU to {:.0f}", PLANS[1].hours, PLANS[8].hours),
        ("looks for {:.0f} datasets", DATASETS),
        ("can hold {:.0f} billion parameters", WHOLE / BILLION),
        ("as Table 4 has it ({}).", TRAINED),
        ("the table has {} billion", LORA),
        ("parameters | {:.0f} million | {:.1f} billion", OUR_WHOLE / MILLION, WHOLE / BILLION),
        ("LoRA | {} billion", TRAINED),
        ("in the forward pass | {} | {} (", 4, 2),
        ("own share | | {:.1f} GB", PLANS[8].memory["logits"] + PLANS[8].memory["reserve"]),
        ("the paper took {} for this stage and {} for", *HOURS[::-1]),
        ("peak, {:.0f} %, was chosen", 100 * UTILIZATION),
        ("on four GPUs of {} GB", code("10", r"gpus=4, memory=(\d+)")),
        ("an hour has {:,} seconds", 60 * 60),
        (
            "{} bytes a trained weight",
            code("10", r'"gradients": (\d) \* trained') + code("10", r"(\d) \* trained / gpus / GIGA\}"),
        ),
        ("All stages fit into {} GB", code("10", r"gpus=8, memory=(\d+)")),
    ],
    "11": [
        ("a probability above {}.", short(code("11", r"\"probability\"\] > ([\d.]+)"), 1)),
        ("also gives logits of {:,.0f}", max(talk_checks.LOGITS[-1])),
        ("Asked {} times for a color", code("11", r"for number in range\((40)\)")),
        ("Of {} pictures of pure noise", code("11", r"integers\(0, 255, \((\d+), 224")),
        ("Of {} sums without a picture", SUMS),
        ("four words and more … of {} times", SUMS),
        ("For {} pairs of this run", code("11", r"seed=seed, limit=(\d+)\)")),
        ("shows {} pairs;", code("11", r"seed=seed, limit=(\d+)\)")),
        ("rate the {} pairs yourself", code("11", r"seed=seed, limit=(\d+)\)")),
    ],
    "solutions/03": [
        ("have {} × {} each, keys and values together {} × {}", WIDTH, prod(HEADS), WIDTH, 2 * prod(HEADS)),
        ("in half precision from {} on", HALF_OVERFLOWS),
        ("of {} questions", code("03", r"count=3\) for number in range\((96)\)")),
    ],
    "solutions/02": [("A {}th command", len(STYLE_COMMANDS) + 1)],
    "solutions/10": [("Four GPUs of {} GB", code("10", r"gpus=4, memory=(\d+)"))],
    "solutions/05": [
        ("The {:.0f} % quantile", 100 * (1 - LOSS)),
        ("loses the top {:.0f} %", 100 * LOSS),
    ],
    "solutions/06": [
        ("From {} to {} tokens one", TINY.stages["stage1"].context_length, code("06", r"packed\.sizes, (\d+), max")),
    ],
    "solutions/11": [
        ("of {} answers are right", code("11", r"for number in range\((20)\)")),
        ("with {} answers the interval is", code("11", r"for number in range\((20)\)")),
    ],
}
"""By notebook; "…" stands for what code writes in, "·" for what is no number to look at."""

SUPPOSED: dict[str, list[str]] = {
    "00": ["An accuracy of 60 %: good or bad?", "A response gets reward 1.2.", '"red", "2"'],
    "01": ['An annotator wrote "2"'],
    "02": ["At .5 it can't", "(.5 would be perfect imitation", "from annotations with .9."],
    "04": ["keeps 95 % of true drafts"],
    "05": ["has a precision of .3."],
    "06": ["The small numbers run 1, 2, 3"],
    "08": ["Two models score .79 and .76 on the same 480 questions"],
    "11": ["2 from the second picture on", "1 plus 2", "agree in 95 % of the pairs"],
}
"""Numbers of examples, scales and questions to think about: nothing is claimed of them."""
