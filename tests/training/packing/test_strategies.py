"""Packing, checked sample by sample against the rules rather than against its own arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.training.packing.plan import Sizes
from flamingo_lib.training.packing.strategies import STRATEGIES, group_by_length, plan_windows


def sizes_of(rows):
    """Sizes from (tokens, images, first_label) rows; everything from the first label on is supervised."""
    tokens, images, first = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Sizes(tokens, images, first, tokens - first)


def draw(count, seed=0, longest=200):
    random = np.random.default_rng(seed)
    tokens = random.integers(5, longest, count)
    return Sizes(tokens, random.integers(0, 3, count), tokens // 3, tokens - tokens // 3)


rows = st.lists(
    st.tuples(st.integers(2, 40), st.integers(0, 3)).flatmap(
        lambda size: st.tuples(st.just(size[0]), st.just(size[1]), st.integers(0, size[0] - 1))
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(rows=rows, seed=st.integers(0, 5), batch=st.integers(1, 4))
def test_best_fit_keeps_every_sample_whole_once_and_within_bounds(rows, seed, batch):
    sizes = sizes_of(rows)
    fits = [i for i, (tokens, images, _) in enumerate(rows) if tokens <= 45 - 5 and images <= 2]
    arguments = {
        "strategy": "best_fit",
        "context_length": 45,
        "max_images": 2,
        "header": 5,
        "seed": seed,
        "batch_size": batch,
    }
    if not fits:
        with pytest.raises(DataError, match="none of"):
            plan_windows(sizes, **arguments)
        return
    plan = plan_windows(sizes, **arguments)
    seen = []
    for index in range(len(plan)):
        samples, keep = plan.window(index)
        assert len(samples) >= 1
        assert list(keep) == [rows[sample][0] for sample in samples]
        assert plan.lengths[index] == 5 + sum(keep) <= 45
        assert sum(rows[sample][1] for sample in samples) <= 2
        seen += samples.tolist()
    assert sorted(seen) == fits
    assert sorted(seen + plan.left_out.tolist()) == list(range(len(rows)))
    assert plan.report(sizes).cut_responses == 0


@settings(max_examples=100, deadline=None)
@given(rows=rows, seed=st.integers(0, 5))
def test_random_fill_cuts_only_the_last_sample_of_a_window(rows, seed):
    rows = [(tokens, images, min(first, 20)) for tokens, images, first in rows if images <= 2] or [(9, 0, 1)]
    sizes = sizes_of(rows)
    plan = plan_windows(sizes, strategy="random_fill", context_length=35, max_images=2, header=5, seed=seed)
    first = []
    for index in range(len(plan)):
        samples, keep = plan.window(index)
        whole = [rows[sample][0] for sample in samples]
        assert list(keep[:-1]) == whole[:-1]
        assert keep[-1] == min(whole[-1], 30 - sum(whole[:-1])) > 0
        assert sum(rows[sample][1] for sample in samples) <= 2
        assert sum(keep) == 30 or sum(rows[sample][1] for sample in samples) + max(images for _, images, _ in rows) > 2
        first.append(int(samples[0]))
    assert sorted(first) == list(range(len(rows)))


def test_none_puts_one_sample_in_each_window_and_counts_cuts():
    plan = plan_windows(
        sizes_of([(10, 0, 2), (50, 1, 2)]), strategy="none", context_length=25, max_images=1, header=5, seed=0
    )
    assert sorted(zip(plan.samples.tolist(), plan.keep.tolist(), strict=True)) == [(0, 10), (1, 20)]
    report = plan.report(sizes_of([(10, 0, 2), (50, 1, 2)]))
    assert (report.windows, report.cut_responses, report.images_a_window) == (2, 1, 0.5)
    assert report.fill == pytest.approx((15 + 25) / 50)
    assert report.labels_a_window == pytest.approx((8 + 18) / 2)


def test_a_window_without_a_label_is_an_error_that_names_the_sample():
    with pytest.raises(DataError, match=r"no label.*record late"):
        plan_windows(
            sizes_of([(10, 0, 2), (60, 0, 30)]),
            strategy="random_fill",
            context_length=25,
            max_images=1,
            header=5,
            seed=0,
            names=["ok", "late"],
        )
    with pytest.raises(DataError, match="no token to learn from"):
        plan_windows(sizes_of([(10, 0, 10)]), strategy="best_fit", context_length=25, max_images=1, header=5, seed=0)


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="first_fit"):
        plan_windows(draw(3), strategy="first_fit", context_length=300, max_images=3, header=5, seed=0)
    with pytest.raises(ConfigError, match="no room"):
        plan_windows(draw(3), strategy="best_fit", context_length=6, max_images=3, header=5, seed=0)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_plans_repeat_by_seed_and_differ_by_epoch(strategy):
    arguments = {"strategy": strategy, "context_length": 256, "max_images": 3, "header": 8}
    first, again, other = (plan_windows(draw(300), **arguments, seed=3, epoch=epoch) for epoch in (0, 0, 1))
    assert np.array_equal(first.samples, again.samples) and np.array_equal(first.starts, again.starts)
    assert not np.array_equal(first.samples, other.samples)
    together = {frozenset(first.window(i)[0].tolist()) for i in range(len(first))}
    later = {frozenset(other.window(i)[0].tolist()) for i in range(len(other))}
    assert strategy == "none" or len(together & later) < len(together) / 2


def test_best_fit_fills_a_long_window_and_groups_lengths():
    sizes = draw(20_000, longest=400)
    arguments = {"context_length": 1024, "max_images": 40, "header": 36, "seed": 1, "batch_size": 8}
    report = plan_windows(sizes, strategy="best_fit", **arguments).report(sizes)
    assert report.fill >= 0.98 and report.batch_fill >= report.fill and report.cut_responses == report.left_out == 0
    assert plan_windows(sizes, strategy="none", **arguments).report(sizes).fill < 0.3


def test_neighbours_have_like_lengths():
    lengths = np.random.default_rng(0).integers(1, 1000, 4003)
    order = group_by_length(lengths, 8, np.random.default_rng(1))
    assert sorted(order.tolist()) == list(range(4003))
    spread = np.ptp(lengths[order[:4000]].reshape(-1, 8), axis=1)
    assert np.median(spread) < 60 and np.median(np.ptp(lengths[:4000].reshape(-1, 8), axis=1)) > 600
