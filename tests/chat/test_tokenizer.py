"""The tiny tokenizer: exact, compact on fixed strings, single digits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from flamingo_lib.chat.tokenizer import INTERFACE_STRINGS, SPECIAL_TOKENS, train_tiny_tokenizer
from flamingo_lib.errors import ConfigError


def test_size_and_fixed_ids(tokenizer):
    assert len(tokenizer) == 320
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == [0, 1, 2, 3, 4]
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)


@pytest.mark.parametrize("text", INTERFACE_STRINGS)
def test_interface_strings_are_one_token_each(tokenizer, text):
    assert len(tokenizer.encode(text, add_special_tokens=False)) == 1
    assert len(tokenizer.encode(f"x{text}x", add_special_tokens=False)) == 3
    kept = tokenizer.decode(tokenizer.encode(f"x{text}x"), skip_special_tokens=True)
    assert kept == f"x{text}x"  # text, not special


def test_digits_are_single(tokenizer):
    assert len(tokenizer.encode("2023", add_special_tokens=False)) == 4
    assert tokenizer.tokenize("0.123")[-3:] == ["1", "2", "3"]


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*INTERFACE_STRINGS, " ", "\n", "a", "0", "é"]), max_size=8).map("".join)
)
def test_decoding_is_exact(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_training_is_deterministic_and_survives_saving(tokenizer, tmp_path):
    from tests.chat.conftest import TEXTS

    again = train_tiny_tokenizer(TEXTS, 320)
    assert again.get_vocab() == tokenizer.get_vocab()
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = f"a{INTERFACE_STRINGS[1]}<image>b 0.5 12"
    assert loaded.encode(text) == tokenizer.encode(text) and loaded.decode(loaded.encode(text)) == text


def test_too_small_a_vocabulary():
    with pytest.raises(ConfigError, match="too small"):
        train_tiny_tokenizer(["a"], 260)
