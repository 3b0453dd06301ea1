"""Windows planned from a stream of sizes: every sample once and whole, within both bounds, by seed alone."""

from __future__ import annotations

from itertools import count, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.training.packing import pack_windows

sizes = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 4)), max_size=80)


def draw(number, seed=0):
    random = np.random.default_rng(seed)
    return list(zip(random.integers(20, 400, number).tolist(), random.integers(0, 3, number).tolist(), strict=True))


@settings(max_examples=100, deadline=None)
@given(sizes=sizes, buffer=st.integers(1, 30), seed=st.integers(0, 3))
def test_every_sample_that_fits_is_in_one_window_within_bounds(sizes, buffer, seed):
    windows = list(
        pack_windows(sizes, context_length=45, max_images=3, seed=seed, buffer=buffer, too_large="leave_out")
    )
    fits = [index for index, (tokens, images) in enumerate(sizes) if tokens <= 45 and images <= 3]
    assert sorted(index for window in windows for index in window) == fits
    for window in windows:
        assert window and sum(sizes[index][0] for index in window) <= 45
        assert sum(sizes[index][1] for index in window) <= 3


@pytest.mark.parametrize("buffer", [500, 1 << 16])
@pytest.mark.parametrize("max_images", [8, 12, 16])
def test_no_more_windows_than_tokens_and_images_need(buffer, max_images):
    given = [(tokens if not images else tokens // 3 + 1, images) for tokens, images in draw(8000)]  # 1 image a sample
    least = max(sum(tokens for tokens, _ in given) / 1024, sum(images for _, images in given) / max_images)
    windows = list(pack_windows(given, context_length=1024, max_images=max_images, buffer=buffer))
    assert least / len(windows) >= 0.95


def test_a_plan_repeats_by_seed_and_differs_by_epoch():
    def plan(**options):
        return list(pack_windows(draw(2000), context_length=1024, max_images=6, buffer=600, **options))

    assert plan(seed=1) == plan(seed=1) != plan(seed=2)
    together, later = ({frozenset(window) for window in plan(epoch=epoch)} for epoch in (0, 1))
    assert len(together & later) < len(together) / 2


def test_an_endless_stream_is_read_a_buffer_at_a_time():
    read = []

    def stream():
        for index in count():
            read.append(index)
            yield 100 + index % 7, 1

    windows = list(islice(pack_windows(stream(), context_length=1000, max_images=9, buffer=50), 40))
    assert len(windows) == 40 and len(read) <= 40 * 9 + 2 * 50
    assert max(index for window in windows for index in window) < len(read)


def test_images_have_no_bound_unless_given():
    (window,) = pack_windows([(10, 30)] * 5, context_length=50)
    assert sorted(window) == [0, 1, 2, 3, 4]
    assert list(pack_windows([], context_length=50)) == []


def test_samples_that_fit_no_window_are_named():
    def plan(*given, **options):
        return list(pack_windows([(30, 1), *given], context_length=100, max_images=2, **options))

    with pytest.raises(DataError, match=r"1 of 2 samples are longer than a window of 100 tokens, the first has 101.*1"):
        plan((101, 0))
    with pytest.raises(DataError, match=r"2 of 3 samples have more images than the 2 .* the first has 3.*record 1"):
        plan((10, 3), (10, 4))
    with pytest.raises(DataError, match="no tokens"):
        plan((0, 0), too_large="leave_out")
    assert plan((101, 0), (10, 3), too_large="leave_out") == [[0]]


def test_wrong_bounds_are_refused_at_once():
    with pytest.raises(ConfigError, match="windows of 0 tokens"):
        pack_windows([], context_length=0)
    with pytest.raises(ConfigError, match="too_large is 'cut'"):
        pack_windows([], context_length=10, too_large="cut")
