"""Mixtures: shares and limits by the records' ids, seeds; the paper's named ones; the presets' stages."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.errors import ConfigError
from flamingo_lib.presets import NAMES, load_preset
from flamingo_lib.sources import CATALOG
from flamingo_lib.sources.mixture import (
    MIXTURES,
    RAW,
    RAW_ADOPTED,
    RAW_NAMES,
    REWRITTEN,
    STAGE_1,
    STAGE_2,
    TEXT_ONLY,
    Mixture,
    Part,
    by_source,
    find_mixture,
)


@dataclass(frozen=True)
class Item:
    id: str
    source: str = "a"


def items(count, source="a"):
    return [Item(f"{source}/{number}", source) for number in range(count)]


def test_sources_without_a_part_are_taken_whole_in_order():
    mixture = Mixture("m", ("polite",), (Part("b", limit=2),))
    records = {"a": items(5), "b": items(9, "b"), "c": items(1, "c")}
    drawn = mixture.draw(records, seed=0)
    assert [item.source for item in drawn] == ["a"] * 5 + ["b"] * 2 + ["c"]
    assert drawn[:5] == records["a"] and drawn[5:7] == sorted(drawn[5:7], key=records["b"].index)


def test_a_share_is_drawn_by_id():
    mixture = Mixture("m", ("pf-1m",), (Part("a", share=0.25),))
    drawn = mixture.draw({"a": items(800)}, seed=3)
    assert len(drawn) == pytest.approx(200, abs=50)
    assert drawn == mixture.draw({"a": items(800)}, seed=3) != mixture.draw({"a": items(800)}, seed=4)
    fewer = mixture.draw({"a": items(400)}, seed=3)
    assert fewer == [item for item in drawn if item in set(items(400))]  # no record's fate depends on the others


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1), limit=st.none() | st.integers(0, 30), own=st.none() | st.integers(0, 30))
def test_limits_are_never_exceeded(share, limit, own):
    drawn = Mixture("m", ("raw",), (Part("a", share=share, limit=own),)).draw({"a": items(40)}, seed=1, limit=limit)
    bounds = [bound for bound in (limit, own, 40) if bound is not None]
    assert len(drawn) <= min(bounds) and len(set(drawn)) == len(drawn)
    if share == 1:
        assert len(drawn) == min(bounds)


def test_mixtures_of_one_key_draw_alike():
    few, many = (Mixture(name, ("raw",), (Part("a", limit=limit),), key="k") for name, limit in (("x", 10), ("y", 30)))
    assert set(few.draw({"a": items(90)}, seed=2)) < set(many.draw({"a": items(90)}, seed=2))


def test_records_by_source_keep_their_order():
    mixed = [Item("a/0"), Item("b/0", "b"), Item("a/1")]
    assert by_source(mixed) == {"a": [mixed[0], mixed[2]], "b": [mixed[1]]}


def test_wrong_parts_and_names_are_told():
    for wrong in ({"share": 2}, {"limit": -1}):
        with pytest.raises(ConfigError, match="share outside"):
            Part("a", **wrong)
    with pytest.raises(ConfigError, match="no mixture 'stage9'"):
        find_mixture("stage9")


def test_the_papers_mixtures():
    (part,) = STAGE_1.parts
    assert (part.source, part.share, part.limit) == ("pf-1m", 0.1, 97_000) and STAGE_1.reads == ("polite", "pf-1m")
    assert not STAGE_2.parts and find_mixture("pf1m") is STAGE_2
    members = {part.source: part.limit for part in RAW_ADOPTED.parts}
    assert abs(sum(members.values()) - 975_782) < 20 and members["gqa"] == 223_244
    assert abs(sum(part.limit for part in REWRITTEN.parts) - 1_170_000) < 60
    assert REWRITTEN.key == RAW_ADOPTED.key == RAW.name  # of each set the same records
    assert all(part.source in CATALOG for mixture in MIXTURES.values() for part in mixture.parts)


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_names_a_mixture_and_every_dataset_is_known(name):
    preset = load_preset(name)
    for stage in (preset.rewriter, *preset.stages.values(), *preset.ablations.values()):
        find_mixture(stage.mixture)
    find_mixture(preset.rewriting.mixture)
    assert {*preset.sources.polite, *preset.sources.raw} <= set(CATALOG)


def test_the_paper_preset_reads_the_papers_datasets():
    sources = load_preset("paper").sources
    assert sources.raw == RAW_NAMES and len(sources.raw) == 39  # RET-3 as its three members
    assert set(sources.polite) == {"llava-instruct", *TEXT_ONLY} and not sources.scenes
