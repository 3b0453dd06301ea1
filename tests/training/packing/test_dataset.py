"""Tables, windows and batches, read back as text."""

import numpy as np
import pytest
import torch

from flamingo_lib.config import StageConfig
from flamingo_lib.errors import DataError
from flamingo_lib.records import Conversation
from flamingo_lib.training.collate import Collator
from flamingo_lib.training.packing.dataset import WindowDataset, WindowRow
from flamingo_lib.training.packing.plot import segments, window_chart
from flamingo_lib.training.packing.report import (
    compare_strategies,
    packing_metrics,
    strategy_html,
    strategy_strips,
    strategy_table,
)
from flamingo_lib.training.packing.tokenized import build_table
from tests.training.fakes import CharTemplate, Turn, text

TEMPLATE = CharTemplate()


def example(name, *turns, images=()):
    return Conversation(name, tuple(Turn(*turn) for turn in turns), images)


def three():
    return [
        example("a", ("hi", "hello")),
        example("b", ("what", "cat", 1), images=("b.png",)),
        example("c", ("two?", "same", 2), ("sure", "yes"), images=("c1.png", "c2.png")),
    ]


def stage(**values):
    return StageConfig(**{"context_length": 64, "max_images": 3, "batch_size": 1, "micro_batch_size": 1} | values)


def test_a_table_measures_its_examples():
    table = build_table(three(), TEMPLATE)
    assert text(table.header) == "S:"
    sizes = table.sizes
    assert sizes.tokens.tolist() == [10, 11, 23]
    assert sizes.images.tolist() == [0, 1, 2]
    assert sizes.first_label.tolist() == [4, 7, 8]
    assert sizes.labels.tolist() == [6, 4, 9]
    assert text(table.part(1, 11)[0]) == "[@what>cat$"


def test_a_window_is_one_conversation_in_which_turns_see_their_own_images():
    dataset = WindowDataset(build_table(three(), TEMPLATE), stage(max_steps=1), seed=0)
    row = dataset[0]
    assert text(row.ids).startswith("S:[") and text(row.ids).count("S:") == 1
    assert sorted(text(row.ids)[2:].replace("$[", "$|[").split("|")) == sorted(
        ["[hi>hello$", "[@what>cat$", "[@@two?>same$", "[sure>yes$"]
    )
    assert text(row.ids[row.labelled]) == "".join(
        part.split(">")[1] for part in text(row.ids).replace("$", "$|").split("|") if part
    )
    for position, character in enumerate(text(row.ids)):
        if character == "@":  # the k-th image of the window is looked at from its own token on
            assert row.attended[position] == text(row.ids[: position + 1]).count("@")
    for turn in range(1, 4):
        inside = row.turn == turn
        seen = set(row.attended[inside].tolist()) - {0}
        own = {
            i + 1
            for i, file in enumerate(row.images)
            if file[0] == text(row.ids[inside])[-2:-1].replace("o", "a").replace("t", "b")
        }
        assert seen == own or text(row.ids[inside]).endswith("yes$")
    assert sorted(row.images) == ["b.png", "c1.png", "c2.png"]


def test_epochs_follow_one_another_and_an_index_always_gives_the_same_row():
    examples = [example(str(i), ("q" * (i % 7 + 1), "r" * (i % 5 + 1))) for i in range(50)]
    table = build_table(examples, TEMPLATE)
    settings = stage(epochs=2, batch_size=4, context_length=40)
    dataset = WindowDataset(table, settings, seed=5)
    assert len(dataset) == dataset.steps * 4
    rows = [text(dataset[i].ids) for i in range(len(dataset))]
    fresh = WindowDataset(table, settings, seed=5)
    assert [text(fresh[i].ids) for i in reversed(range(len(fresh)))] == rows[::-1]
    first = len(dataset.plan(0))
    wanted = sorted(text(table.part(i, table.sizes.tokens[i])[0]) for i in range(50))
    for part in (rows[:first], rows[first : first + len(dataset.plan(1))]):
        assert sorted(piece + "$" for row in part for piece in row[2:].split("$") if piece) == wanted
    assert rows[:first] != rows[first : 2 * first]
    assert len(WindowDataset(table, settings.model_copy(update={"max_steps": 3}), seed=5)) == 12
    half = WindowDataset(table, settings.model_copy(update={"epochs": 0.5}), seed=5)
    assert 0 < len(half) - first / 2 <= 4


def test_batches_after_the_first_epoch_are_grouped_too():
    examples = [example(str(i), ("q" * (i % 40 + 1), "r")) for i in range(403)]
    dataset = WindowDataset(
        build_table(examples, TEMPLATE), stage(epochs=2, batch_size=8, context_length=45, packing="best_fit"), seed=1
    )
    lengths = np.array([len(dataset[i]) for i in range(len(dataset))]).reshape(-1, 8)
    straddling = len(dataset.plan(0)) // 8
    spread = np.delete(np.ptp(lengths, axis=1), [straddling])
    assert np.median(spread) <= 1


def test_a_long_dialogue_is_cut_between_turns():
    turns = [("one", "1"), ("two", "2"), ("three", "3")]
    parts = build_table([example("d", *turns)], TEMPLATE, max_tokens=14)
    assert [text(parts.part(i, 99)[0])[: parts.sizes.tokens[i]] for i in range(len(parts))] == [
        "[one>1$[two>2$",
        "[three>3$",
    ]
    assert parts.names == ("d#0", "d#1")
    seen = build_table([example("v", ("one", "1", 1), ("two", "2"), images=("v.png",))], TEMPLATE, max_tokens=9)
    assert seen.names == ("v#0",) and seen.images == (("v.png",),)
    later = build_table([example("v", ("one", "1"), ("two", "2", 1), images=("v.png",))], TEMPLATE, max_tokens=9)
    assert later.names == ("v#0", "v#1") and later.images == ((), ("v.png",))  # nothing was shown before the greeting


def test_wrong_examples_are_named():
    with pytest.raises(DataError, match=r"1 images.*2.*record x"):
        example("x", ("q", "r", 1), images=("a", "b"))
    with pytest.raises(DataError, match="no example"):
        build_table([], TEMPLATE)


def rows_of(*lengths):
    rows = []
    for length in lengths:
        ids = np.arange(10, 10 + length)
        turn = np.minimum(np.arange(length) // 3, 2)
        rows.append(WindowRow(ids, turn > 0, np.where(turn == 2, 1, 0), turn, ("i.png",)))
    return rows


def test_batches_are_padded_on_the_right():
    batch = Collator(pad_token_id=0, visuals=lambda files: {"latents": torch.ones(len(files), 1)})(rows_of(8, 5))
    assert batch["input_ids"].tolist() == [list(range(10, 18)), [*range(10, 15), 0, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1] * 8, [1] * 5 + [0] * 3]
    assert batch["labels"].tolist() == [[-100] * 3 + list(range(13, 18)), [-100] * 3 + [13, 14] + [-100] * 3]
    assert batch["attended_image"].tolist() == [[0] * 6 + [1, 1], [0] * 8]
    assert batch["latents"].shape == (2, 1)
    assert "attended_image" not in Collator(pad_token_id=0, attend_within_turn=False)(rows_of(4))


def test_isolated_turns_see_the_system_message_and_themselves():
    mask = Collator(pad_token_id=0, isolate_turns=True)(rows_of(8, 5))["attention_mask"]
    assert mask.shape == (2, 1, 8, 8) and mask.dtype == torch.bool
    for position in range(8):
        for other in range(8):
            turn = [0, 0, 0, 1, 1, 1, 2, 2]
            assert mask[0, 0, position, other] == (other <= position and turn[other] in (0, turn[position]))
    assert mask[1, 0].any(dim=1).all()


def test_strips_cover_every_position_once():
    row = WindowDataset(build_table(three(), TEMPLATE), stage(max_steps=1), seed=0)[0]
    runs = segments(row, ord("@"), 64)
    assert [begin for _, _, begin, _ in runs] == np.cumsum([0] + [length for *_, length in runs])[:-1].tolist()
    assert sum(length for *_, length in runs) == 64 and runs[0][:2] == ("system", 0) and runs[-1][0] == "padding"
    assert sum(length for kind, *_, length in runs if kind == "image") == 3
    page = window_chart([row, row], context_length=64, image_token_id=ord("@"), title="<b>")
    assert page.count("<title>") == 2 * len(runs) and "<b>" not in page and "sample 3" in page


def test_strategies_are_compared_on_the_same_mixture():
    table = build_table([example(str(i), ("q" * (i % 9 + 1), "r" * (i % 5 + 1))) for i in range(60)], TEMPLATE)
    settings = stage(context_length=64, batch_size=4)
    reports = compare_strategies(table, settings, seed=0)
    figures = packing_metrics(reports)
    assert figures["packing.fill.none"] < 0.4 < 0.9 < figures["packing.fill.multi_turn"]
    assert (
        reports["none"].windows == 60 and reports["best_fit"].cut_responses == 0 < reports["random_fill"].cut_responses
    )
    rows = strategy_table({64: reports})
    assert len(rows) == 4 and {len(row) for row in rows} == {9} and rows[1][:2] == ("64", "none")
    rates = {(64, name): 1000.0 * number for number, name in enumerate(reports, start=1)}
    assert [row[-1] for row in strategy_table({64: reports}, rates)[1:]] == ["1,000", "2,000", "3,000"]
    assert strategy_html({64: reports}, rates).count("<tr>") == 4
    page = strategy_strips(table, settings, seed=0, windows=3)
    assert page.count("<figure") == 3 and "best fit" in page
    short = settings.model_copy(update={"max_steps": 1})  # a stage of fewer windows than are shown
    assert strategy_strips(table, short, seed=0, windows=50).count("<figure") == 3
