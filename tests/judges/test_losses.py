"""Losses of the tiny judges: the helper head, and the graded preference loss against its formula."""

import numpy as np
import pytest
import torch

from flamingo_lib.judges.losses import MatchingHead, PreferenceLoss
from flamingo_lib.judges.nli import nli_text
from flamingo_lib.judges.tiny_encoder import as_cross_encoder, build_encoder, train_word_pieces


def test_the_helper_looks_for_words_of_the_other_part():
    question = "Is there a ring?"
    pair = (nli_text("There is one red ring.", question), nli_text("1. Red", question))
    tokenizer = train_word_pieces([*pair, "two one 1 2 3"] * 5, lowercase=True)
    head = MatchingHead(tokenizer, tail='" is the answer', seed=0)
    encoded = tokenizer([pair[0]], [pair[1]], return_tensors="pt", return_offsets_mapping=True)
    segments = head.segments(encoded, [pair])
    words = tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])
    assert [word for word, part in zip(words, segments[0].tolist(), strict=True) if part == 2] == ['"', "1", ".", "red"]
    assert "question" not in [word for word, part in zip(words, segments[0].tolist(), strict=True) if part]
    perfect = torch.zeros(1, len(words), 64)
    with torch.no_grad():
        head.linear.weight.zero_()[0, 0] = 1.0
        same = {'"', ".", "one", "1", "red"}
        for place, (word, part) in enumerate(zip(words, segments[0].tolist(), strict=True)):
            perfect[0, place, 0] = 20.0 if part and word in same else -20.0
        assert head(perfect, encoded["input_ids"], segments).item() < 1e-6
        assert head(-perfect, encoded["input_ids"], segments).item() > 10


def test_the_preference_loss_is_least_at_the_shares_of_the_raters(tmp_path):
    tokenizer = train_word_pieces(["Is it red? Yes, it is red. red"] * 3, lowercase=False)
    model = as_cross_encoder(build_encoder(tokenizer, ["reward"], seed=0), tokenizer, str(tmp_path))
    loss = PreferenceLoss(model, tail=None, seed=0, weight=0.0)
    columns = [["Is it red?"] * 2, ["Yes, it is red.", "red"], ["red", "Yes."]]
    shares = torch.tensor([0.88, 0.5])
    value = loss(columns, shares).item()
    texts = [list(zip(columns[0], columns[side], strict=True)) for side in (1, 2)]
    first, second = (model.predict(pairs) for pairs in texts)
    chance = 1 / (1 + np.exp(second - first))
    entropy = -(shares.numpy() * np.log(chance) + (1 - shares.numpy()) * np.log(1 - chance)).mean()
    assert value == pytest.approx(entropy + 0.01 * np.concatenate([first, second]).mean() ** 2, abs=1e-4)
