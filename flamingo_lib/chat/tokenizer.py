"""The tokenizer of the tiny model: byte-level BPE that spends its few entries on words, not on fixed strings."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ..errors import ConfigError
from ..sources.boxes import BOX_PREAMBLE
from .template import ASSISTANT, DRAFTED, END_OF_CHUNK, HUMAN, IMAGE, REVISED, SYSTEM_MESSAGE

SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", IMAGE, END_OF_CHUNK)
"""Ids 0 to 4, the first three as in LLaMA."""

INTERFACE_STRINGS = (SYSTEM_MESSAGE, HUMAN, ASSISTANT, DRAFTED, REVISED, BOX_PREAMBLE, " 0.")
"""Fixed strings that are one token each; unlike special tokens they are text, and also matched inside a user's text."""


def train_tiny_tokenizer(texts: Iterable[str], vocab_size: int = 1024) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `vocab_size` entries in all, trained on `texts`; digits stay single, decoding is exact.

    Raises:
        ConfigError: `vocab_size` leaves no room for the 256 bytes and the fixed tokens.
    """
    fixed = len(SPECIAL_TOKENS) + len(INTERFACE_STRINGS)
    if vocab_size < 256 + fixed:
        raise ConfigError(f"a vocabulary of {vocab_size} is too small", remedy=f"Take at least {256 + fixed}.")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(INTERFACE_STRINGS),
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    split = re.compile("|".join(re.escape(text) for text in (*INTERFACE_STRINGS, *SPECIAL_TOKENS)))
    tokenizer.train_from_iterator((piece for text in texts for piece in split.split(text) if piece), trainer)
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in INTERFACE_STRINGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens=[IMAGE, END_OF_CHUNK],
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
