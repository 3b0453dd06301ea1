"""Mixtures: counts by ratio and by square root, limits, no repeats, seeds; the paper's named ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.errors import ConfigError
from flamingo_lib.sources import CATALOG
from flamingo_lib.sources.mixture import (
    MIXTURES,
    RAW,
    REWRITTEN,
    STAGE_1,
    STAGE_2,
    STAGE_3,
    TEXT_ONLY,
    Mixture,
    Part,
    find_mixture,
)


def test_ratio_and_root():
    parts = (Part("a", 3), Part("b", 1))
    assert Mixture("m", parts, "ratio", total=40).plan({"a": 1000, "b": 1000}) == {"a": 30, "b": 10}
    assert Mixture("m", parts, "ratio").plan({"a": 60, "b": 1000}) == {"a": 60, "b": 20}  # as many as the ratio allows
    equal = (Part("a"), Part("b"))
    assert Mixture("m", equal, "sqrt", total=110).plan({"a": 10_000, "b": 100}) == {"a": 100, "b": 10}
    assert Mixture("m", equal, "all").plan({"a": 7, "b": 5}) == {"a": 7, "b": 5}


def test_limits_shares_and_what_they_leave_to_others():
    parts = (Part("a", 1, limit=5), Part("b", 1, share=0.5), Part("c", 2))
    assert Mixture("m", parts, "ratio", total=100).plan({"a": 100, "b": 40, "c": 1000}) == {"a": 5, "b": 20, "c": 75}
    assert Mixture("m", parts, "ratio", total=100).plan({"a": 3, "b": 4, "c": 5}) == {
        "a": 3,
        "b": 2,
        "c": 5,
    }  # fewer than asked for
    assert Mixture("m", parts, "all").plan({"a": 9, "b": 9}) == {"a": 5, "b": 4, "c": 0}
    assert Mixture("m", parts, "all", total=6).plan({"a": 9, "b": 10, "c": 0}) == {"a": 3, "b": 3, "c": 0}
    assert Mixture("m", parts, "sqrt").plan({}) == {"a": 0, "b": 0, "c": 0}


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(
        st.tuples(st.floats(0, 5), st.integers(0, 60), st.none() | st.integers(0, 40)), min_size=1, max_size=6
    ),
    rule=st.sampled_from(["all", "ratio", "sqrt"]),
    total=st.integers(0, 200),
)
def test_a_plan_is_exact_and_never_exceeds_what_there_is(parts, rule, total):
    mixture = Mixture(
        "m", tuple(Part(str(place), weight, limit=limit) for place, (weight, _, limit) in enumerate(parts)), rule
    )
    sizes = {str(place): size for place, (_, size, _) in enumerate(parts)}
    room = {str(place): size if limit is None else min(size, limit) for place, (_, size, limit) in enumerate(parts)}
    usable = sum(room[source] for source in room if rule == "all" or parts[int(source)][0] > 0)
    plan = mixture.plan(sizes, total)
    assert all(0 <= plan[source] <= room[source] for source in room)
    assert sum(plan.values()) == min(total, usable)


def test_draws_are_seeded_and_without_repeats():
    mixture = Mixture("m", (Part("a", 2), Part("b", 1)), "ratio", total=30)
    items = {"a": [f"a{number}" for number in range(100)], "b": [f"b{number}" for number in range(50)]}
    first = mixture.mix(items, seed=1)
    assert first == mixture.mix(items, seed=1) != mixture.mix(items, seed=2)
    assert len(set(first)) == 30 and sum(item.startswith("a") for item in first) == 20
    assert first != sorted(first)
    # which samples of a source are drawn does not depend on the other sources
    alone = Mixture("m", (Part("a", 2),), "ratio", total=20).mix({"a": items["a"]}, seed=1)
    assert set(alone) == {item for item in first if item.startswith("a")}


def test_wrong_parts_and_names_are_told():
    with pytest.raises(ConfigError, match="share outside"):
        Mixture("m", (Part("a", share=2),)).plan({"a": 1})
    with pytest.raises(ConfigError, match="no mixture 'stage9'"):
        find_mixture("stage9")


def test_the_papers_mixtures():
    sources = {part.source for part in STAGE_1.parts}
    assert sources == {*TEXT_ONLY, "llava-instruct", "pf-1m"} and STAGE_3.parts == STAGE_1.parts
    sizes = dict.fromkeys(TEXT_ONLY, 100) | {"llava-instruct": 177_000, "pf-1m": 975_782}
    plan = STAGE_1.plan(sizes)
    assert plan["pf-1m"] == 97_000 and plan["llava-instruct"] == 177_000 and plan["ultrachat"] == 100
    assert STAGE_2.plan({"pf-1m": 975_782}) == {"pf-1m": 975_782}
    full = dict.fromkeys(CATALOG, 10**7)
    assert abs(sum(RAW.plan(full).values()) - 975_782) < 20 and RAW.plan(full)["gqa"] == 223_244
    assert abs(sum(REWRITTEN.plan(full).values()) - 1_170_000) < 60
    assert all(part.source in CATALOG for mixture in MIXTURES.values() for part in mixture.parts)
    assert find_mixture("pf1m") is STAGE_2
