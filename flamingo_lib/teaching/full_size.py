"""Checks of notebook 10: a layout of one's own, rewrites put back, LoRA's parameters, a micro batch, hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from ..config import ModelConfig, StageConfig
from ..model.config import FlamingoConfig
from ..training.model_cost import Batch, Shape
from ..training.resource_plan import FRAGMENTATION, known_config, memory_gb, plan_stage
from .outcome import call, exercise, number, require, shown

FIELDS = ("image", "instruction", "response")

ROWS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    (
        {"img": {"path": "a.png"}, "qa": [{"q": "What color is the ring?", "a": "red"}]},
        {"image": "a.png", "instruction": "What color is the ring?", "response": "red"},
    ),
    (
        {"img": {"path": "b/c.png"}, "qa": [{"q": " How many stars? ", "a": "2\n"}], "lang": "en"},
        {"image": "b/c.png", "instruction": "How many stars?", "response": "2"},
    ),
    (
        {"qa": [{"q": "What is 1 plus 2?", "a": "3"}]},
        {"image": None, "instruction": "What is 1 plus 2?", "response": "3"},
    ),
    (
        {"img": None, "qa": [{"q": "Name a color.", "a": "blue"}]},
        {"image": None, "instruction": "Name a color.", "response": "blue"},
    ),
    (
        {"img": {"path": "d.png"}, "qa": [{"q": "Is there a cross?", "a": 0}]},
        {"image": "d.png", "instruction": "Is there a cross?", "response": "0"},
    ),
)
"""Rows of a layout that nobody has seen before, as the check knows them, and the records they become."""


@exercise("10.1")
def ex_10_1(record: Callable[[dict[str, Any]], Mapping[str, Any]]) -> str:
    """A reader of a new layout: ``{"img": {"path": ...}, "qa": [{"q": ..., "a": ...}]}``.

    Args:
        record: from a row to ``image`` (None without one), ``instruction`` and ``response``, texts without outer space.
    """
    for row, expected in ROWS:
        given = call(record, deepcopy(row))
        require(isinstance(given, Mapping), f"return a dictionary, not {shown(given)}")
        missing = [name for name in FIELDS if name not in given]
        require(not missing, f"the field {missing[:1]} is missing for {row}")
        for name in FIELDS:
            value, wanted = given[name], expected[name]
            require(
                value == wanted,
                f"{name} of {row} is {wanted!r}, and you give {shown(value)}"
                + (": strip spaces and line ends" if str(value).strip() == wanted else ""),
            )
    return "all rows become records that `flamingo_lib.rewrite` reads, those without a picture and a number among them."


@exercise("10.2")
def ex_10_2(put_back: Callable[[list[dict[str, str]], Mapping[int, str], bool], list[dict[str, str]]]) -> str:
    """Rewrites put back into a table: only responses change; rows that a filter dropped go, or keep their own.

    Args:
        put_back: from rows, the new responses by row number (dropped rows are absent), and whether dropped rows are
            kept, to rows.
    """
    rows = [{"image": f"{n}.png", "response": f"raw {n}", "annotator": f"p{n % 2}"} for n in range(6)]
    new = {5: "Polite 5.", 0: "Polite 0.", 2: "Polite 2.", 3: "Polite 3."}
    for keep in (False, True):
        given_rows = deepcopy(rows)
        given = call(put_back, given_rows, dict(new), keep)
        require(isinstance(given, list) and all(isinstance(row, Mapping) for row in given), "return a list of rows")
        require(given_rows == rows, "your function changed the rows that it was given: copy a row before you change it")
        wanted = list(range(len(rows))) if keep else sorted(new)
        told = "are kept" if keep else "go"
        require(
            len(given) == len(wanted),
            f"2 of {len(rows)} rows were dropped and {told}, so {len(wanted)} are left; you give {len(given)}",
        )
        for index, row in zip(wanted, given, strict=True):
            expected = rows[index] | ({"response": new[index]} if index in new else {})
            lost = [name for name in expected if name not in row]
            require(not lost, f"row {index} has lost its column {lost[:1]}")
            require(row == expected, f"row {index} should be {expected}, and is {shown(dict(row))}")
    return "order and other columns stay; only responses change, and what a filter dropped goes or stays as you say."


@exercise("10.3")
def ex_10_3(lora_parameters: Callable[[int, int, int, int], int]) -> str:
    """Parameters of LoRA: two thin matrices beside each of a layer's seven linear maps.

    Args:
        lora_parameters: from width d, feed-forward width f, layers and rank to their number; keys and values as wide as
            queries.
    """
    for d, f, layers, rank in ((64, 160, 4, 8), (4096, 11_008, 32, 64), (512, 1024, 2, 1)):
        given = number(call(lora_parameters, d, f, layers, rank))
        expected = layers * rank * (4 * (d + d) + 3 * (d + f))
        attention = layers * rank * 4 * (d + d)
        whole = layers * (4 * d * d + 3 * d * f)
        require(given != attention, "that is attention alone: gate, up and down of the feed-forward have adapters, too")
        require(given != whole, "those are the linear maps themselves: an adapter of (m, n) has r (m + n) parameters")
        require(given * layers != expected, f"that is one layer of {layers}")
        require(
            given == expected,
            f"d = {d}, f = {f}, {layers} layers, rank {rank}: {expected:,} parameters, not {given:,.0f}",
        )
    return f"{32 * 64 * (8 * 4096 + 3 * (4096 + 11_008)):,} at the paper's size, a fiftieth of the model."


@exercise("10.4")
def ex_10_4(
    answer: Any,
    stage: StageConfig,
    model: ModelConfig,
    *,
    gpus: int,
    memory: float,
    config: FlamingoConfig | None = None,
) -> str:
    """The largest micro batch (a power of two) that fits without recomputation, and the windows a GPU accumulates.

    Args:
        answer: (micro batch, forward passes of a GPU for one optimizer step).
        stage, model: of the preset.
        gpus, memory: their number, and gigabytes of each.
        config: of the base model.
    """
    require(isinstance(answer, (list, tuple)) and len(answer) == 2, f"give two numbers, not {shown(answer)}")
    micro, passes = (
        int(number(value, what)) for value, what in zip(answer, ("the micro batch", "passes"), strict=True)
    )
    require(micro > 0 and micro & (micro - 1) == 0, f"a micro batch is a power of two here, not {micro}")
    shape = Shape(config or known_config(model.base), model.lora_rank)

    def total(size: int) -> float:
        parts = memory_gb(
            shape, stage, gpus=gpus, bf16=model.dtype == "bfloat16", micro_batch_size=size, checkpointing=False
        )
        return FRAGMENTATION * sum(parts.values())

    require(total(micro) <= memory, f"with {micro} windows at a time it takes {total(micro):.1f} of {memory:g} GB")
    require(
        total(2 * micro) > memory,
        f"{2 * micro} windows fit as well: {total(2 * micro):.1f} of {memory:g} GB are in use",
    )
    expected = stage.batch_size // (gpus * micro)
    require(
        passes == expected,
        f"{gpus} GPUs of {micro} windows are {gpus * micro} at a time; {stage.batch_size:,} take {expected} passes, "
        f"not {passes}",
    )
    return f"{total(micro):.1f} of {memory:g} GB on each of {gpus} GPUs; the batch stays {stage.batch_size:,} windows."


@exercise("10.5")
def ex_10_5(hours: Callable[[float, int, int, float, float], float], config: FlamingoConfig | None = None) -> str:
    """Hours of a stage from the operations of one optimizer step.

    Args:
        hours: from operations a step, steps, GPUs, a GPU's peak in teraflops and the share of it that is reached.
        config: of the paper's base.
    """
    from ..presets import load_preset

    preset = load_preset("paper")
    stage = preset.stages["stage1"]
    shape = Shape(config or known_config(preset.model.base), preset.model.lora_rank)
    step = shape.step_flops(Batch(stage.batch_size, stage.context_length, stage.max_images), stage.tunes)
    for gpus, share in ((8, 0.25), (1, 0.4)):
        plan = plan_stage("stage1", stage, preset.model, gpus=gpus, memory=80, utilization=share, config=config)
        given = number(call(hours, step, plan.steps, gpus, 312.0, share))
        told = f"{plan.steps:,} steps of {step:.3g} operations on {gpus} GPUs"
        require(given > 0 and given < 1e6, f"{told} take {plan.hours:.1f} hours, not {given:.3g}: tera is 10^12")
        require(abs(given / plan.hours - 3600) > 36, f"that is in seconds; {told} take {plan.hours:.1f} hours")
        require(
            abs(given / (share * plan.hours) - 1) > 0.01,
            f"a GPU reaches {share:.0%} of its peak only: divide by that, too",
        )
        require(
            abs(given / plan.hours - 1) < 0.01,
            f"{told}, of which {share:.0%} is reached, take {plan.hours:.1f} hours, not {given:.3g}",
        )
    return "operations over what the GPUs do in an hour: the planner counts the same way."
