"""The STS judge in bfloat16: the same bits in any company, and close to float32."""

import random

import numpy as np
import pytest

from flamingo_lib.config import JudgesConfig
from flamingo_lib.errors import ConfigError, FlamingoError
from flamingo_lib.judges import precision
from flamingo_lib.judges.batching import TOKENS, fixed_batches
from flamingo_lib.judges.panel import load_judges
from flamingo_lib.judges.precision import has_tiles, resolve_precision
from flamingo_lib.judges.sts import StsJudge
from flamingo_lib.presets import load_preset

WORDS = "the red circle of a large blue star is near two small green rings and one square below it".split()


@pytest.fixture(scope="module")
def texts():
    """Of 1 to some 70 words, a few of every length."""
    draw = random.Random(0)
    return [
        " ".join(draw.choices(WORDS, k=count)) + f" {number}"
        for number, count in enumerate([1, 4, 5, 6, 7, 13, 14, 15, 30, 70] * 2)
    ]


@pytest.fixture(
    scope="module",
    params=["tiny", pytest.param("all-MiniLM-L6-v2", marks=pytest.mark.skipif(not has_tiles(), reason="slow"))],
)
def reduced(request, sts_folder):
    return StsJudge(str(sts_folder) if request.param == "tiny" else request.param, device="cpu", precision="bfloat16")


@pytest.fixture(scope="module")
def plain(reduced):
    return StsJudge(reduced.name, device="cpu", precision="float32")


def test_a_text_has_the_same_bits_alone_in_any_company_and_order(reduced, texts):
    reference = dict(zip(texts, reduced.embed(texts), strict=True))
    draw = random.Random(1)
    for some in (
        [texts[0]],
        [texts[8]],
        [texts[9]],
        texts[::-1],
        *(draw.sample(texts, count) for count in (2, 3, 7, 15)),
    ):
        for text, vector in zip(some, reduced.embed(some), strict=True):
            assert np.array_equal(vector, reference[text]), text
    many = [f"{number} red rings" for number in range(200)]  # more than one pass of the same length
    shuffled = draw.sample(many, len(many))
    assert np.array_equal(reduced.embed(shuffled), reduced.embed(many)[[many.index(text) for text in shuffled]])


def test_the_bits_do_not_depend_on_the_number_of_threads(reduced, texts):
    import torch

    threads, found = torch.get_num_threads(), {}
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found[count] = reduced.embed(texts)
            assert torch.get_num_threads() == count, "left as it was"
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(found[1], found[2]) and np.array_equal(found[1], found[3])


def test_float32_does_not_depend_on_company_beyond_rounding(plain, texts):
    together = plain.embed(texts)
    for index in (0, 8, 9):
        assert np.abs(plain.embed([texts[index]])[0] - together[index]).max() < 1e-5


def test_similarities_are_close_to_those_of_plain_encoding(reduced, plain, texts):
    expected = plain.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    assert np.abs(plain.embed(texts) - expected).max() < 1e-6
    vectors = reduced.embed(texts)
    assert vectors.dtype == np.float32 and np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6, (
        "normalised in float32"
    )
    difference = np.abs(reduced(texts, texts[::-1]) - (expected * expected[::-1]).sum(1))
    assert 0 < difference.max() < 0.01


def test_equal_texts_are_embedded_once(reduced, monkeypatch):
    seen = []
    inner = reduced._embed_in_fixed_shapes
    monkeypatch.setattr(reduced, "_embed_in_fixed_shapes", lambda texts: seen.extend(texts) or inner(texts))
    assert reduced(["a ring", "a star", "a ring"], ["a star", "a ring", "a ring"])[2] == pytest.approx(1, abs=1e-5)
    assert seen == ["a ring", "a star"]
    assert reduced.embed([]).shape == (0, reduced.model.get_embedding_dimension())
    assert np.isfinite(reduced.embed(["", "x " * 2000])).all(), "no text, and one that is cut off at the model's limit"


def test_a_shape_follows_from_the_length_alone():
    draw, shapes = random.Random(2), {}
    for _ in range(50):
        lengths = [draw.randrange(2, 257) for _ in range(draw.randrange(1, 90))]
        places = []
        for length, batch in fixed_batches(lengths, 256):
            assert shapes.setdefault(length, len(batch)) == len(batch) == max(1, TOKENS // length)
            assert all(length - 32 < lengths[place] <= length for place in batch)
            places += dict.fromkeys(batch)
        assert sorted(places) == list(range(len(lengths)))
    assert [length for length, _ in fixed_batches([250], 250)] == [250], "not beyond the model's limit"
    assert list(fixed_batches([])) == []


def test_auto_follows_processor_and_device(monkeypatch):
    for tiles, resolved in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(precision, "has_tiles", lambda tiles=tiles: tiles)
        assert resolve_precision("auto", "cpu") == resolved
        assert resolve_precision("auto", "cuda:0") == "float32"
        assert resolve_precision("float32", "cpu") == "float32" and resolve_precision("bfloat16", "cuda") == "bfloat16"


def test_tiles_need_both_the_unit_and_the_numbers(monkeypatch):
    import torch

    for found, expected in (({"amx_tile": True, "amx_bf16": True}, True), ({"amx_tile": True}, False), ({}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found, raising=False)
        has_tiles.cache_clear()
        assert has_tiles() is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    has_tiles.cache_clear()
    assert has_tiles() is False
    has_tiles.cache_clear()


def test_another_precision_is_refused():
    with pytest.raises(ConfigError, match=r"no precision 'float16'.*auto, float32, bfloat16"):
        StsJudge("no-such-model", precision="float16")
    with pytest.raises(FlamingoError, match=r"judges\.sts_precision"):
        load_preset("tiny", ["judges.sts_precision=half"])


def test_the_setting_reaches_the_judge():
    assert load_judges(JudgesConfig(sts_precision="float32"), ["sts"]).sts.precision == "float32"
    assert load_judges(JudgesConfig(), ["sts"]).sts.precision == resolve_precision("auto", "cpu")
