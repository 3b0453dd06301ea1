"""A shared beginning of prompts: the same continuations as without it, or not used at all."""

import pytest
import torch
from transformers import MptConfig

from flamingo_lib.errors import DataError
from flamingo_lib.model import generate_batch
from flamingo_lib.model.prefix import SHORTEST, share_prefix

from .conftest import IMAGE, VOCABULARY, llama

PREFIX = list(range(20, 30))


@pytest.fixture
def rows(batch):
    """Rows of several lengths behind one prefix, padded on the left: two images, one, none."""
    widths, ids = (12, 8, 5), batch["input_ids"].clone()
    ids[0, 2] = 9
    ids[0, 3] = IMAGE
    padded = torch.zeros(3, 12 + len(PREFIX), dtype=torch.long)
    for row, width in enumerate(widths):
        padded[row, -width - len(PREFIX) :] = torch.tensor([*PREFIX, *ids[row, :width].tolist()])
    mask = (padded != 0).long()
    return {
        "input_ids": padded,
        "attention_mask": mask,
        "pixel_values": batch["pixel_values"],
        "num_images": torch.tensor([2, 1, 0]),
    }


def text_tokens_read(model, monkeypatch):
    """The lengths of what the language model is given."""
    seen, forward = [], model.lang_encoder.forward
    monkeypatch.setattr(
        model.lang_encoder,
        "forward",
        lambda *args, **kwargs: seen.append(kwargs["input_ids"].shape) or forward(*args, **kwargs),
    )
    return seen


def test_the_same_rows_from_fewer_tokens(model, rows, monkeypatch):
    expected = generate_batch(model, rows, 10)
    prefix = share_prefix(model, PREFIX)
    seen = text_tokens_read(model, monkeypatch)
    assert generate_batch(model, rows, 10, prefix=prefix) == expected
    assert seen[0] == (3, 12)
    assert generate_batch(model, rows, 10, prefix=prefix) == expected  # reading it did not change it


def test_rows_of_one_length_need_no_mask(model, rows):
    alone = {name: value[:1] for name, value in rows.items()}
    assert generate_batch(model, alone, 10, prefix=share_prefix(model, PREFIX)) == generate_batch(model, alone, 10)


def test_a_batch_that_begins_otherwise_is_read_whole(model, rows, monkeypatch):
    prefix = share_prefix(model, PREFIX)
    rows["input_ids"][1, 5:8] = 50
    expected = generate_batch(model, rows, 5)
    seen = text_tokens_read(model, monkeypatch)
    assert generate_batch(model, rows, 5, prefix=prefix) == expected and seen[0] == (3, 22)


def test_nothing_is_shared_where_the_prefix_looks_at_an_image(build, rows, monkeypatch):
    model = build(media_rule="following")  # every token before an image looks at it
    prefix = share_prefix(model, PREFIX)
    expected = generate_batch(model, rows, 5)
    seen = text_tokens_read(model, monkeypatch)
    assert generate_batch(model, rows, 5, prefix=prefix) == expected and seen[0] == (3, 22)


def test_too_short_or_with_an_image_is_no_prefix(model):
    assert share_prefix(model, PREFIX[: SHORTEST - 1]) is None
    assert share_prefix(model, [*PREFIX, IMAGE]) is None


def test_a_model_that_sees_the_padding_is_left_alone(build):
    mpt = MptConfig(
        d_model=32, n_heads=4, n_layers=3, vocab_size=VOCABULARY, max_seq_len=128, attn_config={"alibi": True}
    )
    assert share_prefix(build(mpt), PREFIX) is None
    assert share_prefix(build(llama()), PREFIX) is not None


def test_images_are_still_counted(model, rows):
    with pytest.raises(DataError, match="row 1"):
        generate_batch(model, rows | {"num_images": torch.tensor([2, 2, 0])}, 3, prefix=share_prefix(model, PREFIX))
