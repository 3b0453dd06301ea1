"""Checks of notebook 03: right answers pass, typical slips are named."""

import pytest
import torch

from flamingo_lib.media import attended_images
from flamingo_lib.model.resampler import PerceiverResampler
from flamingo_lib.teaching import check
from flamingo_lib.teaching.model import PAPER_RESAMPLER

COUNT = 63_019_008


def following(ids, image):
    return attended_images(ids, image, "following")


def preceding(ids, image):
    seen, attended = 0, []
    for token in ids:
        seen += token == image
        attended.append(seen)
    return attended


def test_attended_image():
    assert check.ex_03_1(following)
    assert check.ex_03_1(preceding, "preceding")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (preceding, "you follow the rule 'preceding'"),
        (lambda ids, image: [max(value - 1, 0) for value in following(ids, image)], "count images from 1"),
        (lambda ids, image: following(ids, image)[1:], "tokens, and you give"),
        (lambda ids, image: [1 for _ in ids], "attends to image"),
        (lambda ids, image: ids[99], "raised IndexError"),
    ],
)
def test_slips_of_attended_image(answer, message):
    outcome = check.ex_03_1(answer)
    assert not outcome and message in outcome.text


def test_resampler_parameters():
    assert check.ex_03_2(COUNT) and check.ex_03_2(lambda: COUNT)
    with torch.device("meta"):
        assert sum(p.numel() for p in PerceiverResampler(**PAPER_RESAMPLER).parameters()) == COUNT
    assert "forgot the latents" in check.ex_03_2(COUNT - 64 * 1024).text
    assert "norm at the end" in check.ex_03_2(COUNT - 2048).text
    assert "a layer has" in check.ex_03_2(12).text
    assert "should be a number" in check.ex_03_2("many").text


def attention(query, key, value):
    return (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1) @ value


def test_attention_by_hand():
    assert check.ex_03_3(attention)
    assert "square root" in check.ex_03_3(lambda q, k, v: (q @ k.mT).softmax(-1) @ v).text
    assert "over the keys" in check.ex_03_3(lambda q, k, v: (q @ k.mT / 8**0.5).softmax(-2) @ v).text
    assert "the shape is" in check.ex_03_3(lambda q, k, v: attention(q, k, v)[0]).text


def test_gates_shut():
    truths = ["red", "1", "no", "no"] * 10
    shut, wide = ["red", "2", "yes", "no"] * 10, truths
    assert check.ex_03_4(0.5, shut, truths, 0.4, wide)
    assert "not 0.250" in check.ex_03_4(0.25, shut, truths, 0.4, wide).text
    assert "are all gates shut" in check.ex_03_4(1.0, wide, truths, 0.4, wide).text
    assert "0.500, hardly more" in check.ex_03_4(0.5, shut, truths, 0.4, shut).text
    assert "39 answers with open gates" in check.ex_03_4(0.5, shut, truths, 0.4, wide[1:]).text


def test_another_picture():
    own, swapped = ["red", "2", "yes", "left"], ["red", "3", "yes", "right"]
    assert check.ex_03_5(0.5, own, swapped)
    assert "have" in check.ex_03_5(0.5, own, own).text or "all answers" in check.ex_03_5(0.5, own, own).text
    assert "share of answers that changed" in check.ex_03_5(0.75, own, ["red", "3", "no", "right"]).text
    assert "should be a number" in check.ex_03_5("most", own, swapped).text
    assert "not Ellipsis" in check.ex_03_5(..., own, ...).text
