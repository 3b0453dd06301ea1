"""Batches of uneven rows without their padding: the same loss and gradients, from fewer tokens."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from flamingo_lib.errors import DataError
from flamingo_lib.model import flamingo
from flamingo_lib.model.frozen_layers import FrozenLayer
from flamingo_lib.model.lora import add_lora
from flamingo_lib.model.trainable import set_trainable
from flamingo_lib.model.unpadded import Unpadded, unpad

IMAGE = 3


def lengths_mask(lengths, width=None):
    return (torch.arange(width or max(lengths)) < torch.tensor(lengths)[:, None]).long()


def ragged(lengths, images=2):
    """Rows of these lengths; row r has r modulo `images` + 1 images, the first none."""
    draw = torch.Generator().manual_seed(0)
    mask = lengths_mask(lengths)
    ids = torch.randint(5, 96, mask.shape, generator=draw)
    for row in range(1, len(lengths)):
        for image in range(row % (images + 1)):
            ids[row, 1 + image] = IMAGE
    ids[mask == 0] = 0
    labels = ids.masked_fill((mask == 0) | (torch.rand(mask.shape, generator=draw) < 0.4) | (ids == IMAGE), -100)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "pixel_values": torch.randn(len(lengths), images, 3, 16, 16, generator=draw),
        "labels": labels,
    }


@pytest.fixture
def widths(watch):
    """How many places each decoder layer was computed for; the first three calls may be the asking whether that is
    right.
    """
    return watch(FrozenLayer, "__call__", lambda layer, x, *given: x.shape[0] * x.shape[1])


def losses(model, batch):
    model.zero_grad()
    loss = model(**batch).loss
    loss.backward()
    return loss.detach(), {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
    }


def tokens_up_to_the_last_label(batch):
    """Of those that a mask counts, in columns before the last label of any row."""
    last = int((batch["labels"] != -100).any(0).nonzero().max())
    return int(batch["attention_mask"][:, :last].sum())


class TestSameNumbers:
    @pytest.mark.parametrize("trained", ["lora", "connector", "resampler"])
    @pytest.mark.parametrize("lengths", [(30, 29, 12, 9, 9, 4, 2), (5, 40, 3, 22), (1, 16), (17,)])
    @pytest.mark.parametrize("rule", ["preceding", "following"])
    def test_loss_and_gradients(self, build, monkeypatch, widths, trained, lengths, rule):
        model = build(media_rule=rule)
        if trained == "lora":
            add_lora(model, 4, 8)
            for name, weight in model.named_parameters():
                if "lora_B" in name:
                    nn.init.normal_(weight, std=0.1)
        set_trainable(model, [trained])
        model.train()
        batch = ragged(lengths)
        loss, slopes = losses(model, batch)
        assert widths[-3:] == [tokens_up_to_the_last_label(batch)] * 3
        with monkeypatch.context() as patch:
            patch.setattr(flamingo, "frozen_layers", lambda model: {})
            expected_loss, expected = losses(model, batch)
        torch.testing.assert_close(loss, expected_loss)
        assert slopes.keys() == expected.keys() and slopes
        for name, slope in expected.items():
            torch.testing.assert_close(slopes[name], slope, rtol=1e-4, atol=1e-5 * max(float(slope.abs().max()), 1e-3))

    def test_weights_and_items(self, build, monkeypatch, widths):
        model = build()
        set_trainable(model, ["connector"])
        batch = ragged((20, 11, 3))
        batch |= {"label_weights": torch.rand(batch["labels"].shape), "num_items_in_batch": torch.tensor(7.0)}
        loss, _ = losses(model, batch)
        assert widths[-3:] == [tokens_up_to_the_last_label(batch)] * 3
        monkeypatch.setattr(flamingo, "frozen_layers", lambda model: {})
        torch.testing.assert_close(loss, losses(model, batch)[0])

    def test_what_stands_in_the_padding_is_never_read(self, build, widths):
        model = build()
        set_trainable(model, ["connector"])
        batch = ragged((20, 11, 3))
        other = batch | {"input_ids": torch.where(batch["attention_mask"] == 0, 50, batch["input_ids"])}
        assert torch.equal(losses(model, batch)[0], losses(model, other)[0])


class TestAfterTheLastLabel:
    @pytest.mark.parametrize("padded", ["nowhere", "left"])
    @pytest.mark.parametrize(("last", "computed"), [(19, 19), (11, 11), (1, 1)])
    def test_nothing_is_computed(self, build, monkeypatch, widths, padded, last, computed):
        model = build(media_rule="preceding")
        set_trainable(model, ["connector"])
        batch = ragged((20, 20, 20))
        batch["labels"][:, last + 1 :] = -100
        batch["labels"][1, :3] = -100  # where it may be padding
        batch["labels"][0, last] = 7
        batch["attention_mask"] = None if padded == "nowhere" else lengths_mask((20, 18, 20)).flip(1)
        loss, slopes = losses(model, batch)
        assert widths[-3:] == [3 * computed] * 3
        monkeypatch.setattr(flamingo, "frozen_layers", lambda model: {})
        expected_loss, expected = losses(model, batch)
        torch.testing.assert_close(loss, expected_loss)
        assert slopes.keys() == expected.keys()
        for name, slope in expected.items():
            torch.testing.assert_close(slopes[name], slope, rtol=1e-4, atol=1e-5 * max(float(slope.abs().max()), 1e-3))

    def test_an_image_there_is_still_counted(self, build):
        model = build(media_rule="preceding")
        set_trainable(model, ["connector"])
        batch = ragged((20, 20, 20), images=1)
        batch["labels"][:, 10:] = -100
        batch["input_ids"][0, 15] = batch["input_ids"][1, 15] = IMAGE
        with pytest.raises(DataError, match="2 <image> tokens but 1 images"):
            model(**batch)

    def test_without_any_label(self, build, widths):
        model = build()
        set_trainable(model, ["connector"])
        batch = ragged((20, 11, 3))
        loss, _ = losses(model, batch | {"labels": torch.full_like(batch["labels"], -100)})
        assert loss == 0 and widths[-3:] == [3] * 3


class TestOnlyWhereItPays:
    @pytest.mark.parametrize(
        "mask",
        [
            None,
            torch.ones(3, 20),
            lengths_mask((20, 20, 18)),  # nearly full
            lengths_mask((20, 9, 4)).flip(1),  # padded on the left
            lengths_mask((20, 9, 0)),  # an empty row
            torch.ones(3, 1, 20, 20),
        ],
    )
    def test_left_as_they_are(self, mask):
        assert unpad(mask, torch.zeros(3, 20, dtype=torch.bool)) is None

    def test_labels_in_the_padding(self):
        keep = torch.zeros(2, 20, dtype=torch.bool)
        assert unpad(lengths_mask((20, 9)), keep) is not None
        keep[1, 12] = True
        assert unpad(lengths_mask((20, 9)), keep) is None

    @pytest.mark.parametrize(
        "more",
        [
            {"return_logits": True},
            {"use_cache": True},
            {"output_cross_attentions": True},
            {"position_ids": torch.arange(20).expand(3, -1)},
        ],
    )
    def test_what_asks_for_whole_rows_gets_them(self, build, widths, more):
        model = build()
        set_trainable(model, ["connector"])
        model(**ragged((20, 11, 3)), **more)
        assert widths[-3:] == [60] * 3

    def test_unless_fixed_shapes_are_wanted(self, build, widths):
        model = build()
        set_trainable(model, ["connector"])
        model.leave_out_padding = False
        model(**ragged((20, 11, 3)))
        assert widths[-3:] == [60] * 3


class TestParts:
    def test_long_and_short_rows_are_parted(self):
        lengths = [400, 390] + [40] * 14
        rows = Unpadded(lengths_mask(lengths) > 0)
        assert [part.shape for part in rows.parts] == [(2, 400), (14, 40)]
        assert rows.positions.shape == (1, sum(lengths))

    def test_even_rows_stay_together(self):
        assert [part.shape for part in Unpadded(lengths_mask([50] * 20 + [49] * 20, 60) > 0).parts] == [(40, 50)]

    def test_no_cut_is_better(self):
        """Against all ways to cut, for few rows."""
        from flamingo_lib.model import unpadded

        def cost(lengths, ranges):
            return sum((part.stop - part.start) * max(lengths[part]) ** 2 + unpadded.CALL for part in ranges)

        draw = torch.Generator().manual_seed(0)
        for _ in range(50):
            lengths = torch.randint(1, 300, (7,), generator=draw).tolist()
            found = unpadded._ranges(lengths)
            assert [row for part in found for row in range(part.start, part.stop)] == list(range(7))
            ways = []
            for chosen in range(64):
                edges = [0, *(place + 1 for place in range(6) if chosen >> place & 1), 7]
                ways.append([slice(*edge) for edge in pairwise(edges)])
            assert cost(lengths, found) == min(cost(lengths, way) for way in ways)

    def test_there_and_back(self):
        rows = Unpadded(lengths_mask([300, 280, 9, 7, 250]) > 0)
        x = torch.randn(1, 846, 3)
        assert len(rows.parts) > 1
        assert torch.equal(rows.join([part.spread(x) for part in rows.parts]), x)
        assert rows.parts[1].spread(x).abs().sum(dim=-1).gt(0).sum() == 16

    def test_many_rows(self):
        rows = Unpadded(lengths_mask(list(range(1000, 0, -1))) > 0)
        assert 3 < len(rows.parts) <= 32 and sum(part.shape[0] for part in rows.parts) == 1000
