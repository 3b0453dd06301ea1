"""The tiny cross-encoder of the NLI and reward judges: about 0.2M parameters over word pieces of Scenes.

A model this small, begun at random, takes long to find out that comparing two texts means looking up the words of one
in the other. Two things shorten it from hours to minutes: queries and keys begin near the identity, so that equal words
attend to each other from the first step (mimetic initialisation, Trockman and Kolter 2023), and training may ask a
helper head which words of either text stand in the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

MAX_LENGTH = 256
"""Word pieces of a pair; longer ones are cut at the first text's end."""

WIDTH, LAYERS, HEADS = 64, 3, 2


def train_word_pieces(texts: Iterable[str], *, lowercase: bool, vocab_size: int = 700) -> PreTrainedTokenizerFast:
    """Train a WordPiece tokenizer: frequent words whole, others by letters; pairs are ``[CLS] a [SEP] b [SEP]``.

    The same texts give the same vocabulary in any order.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    normalizer = normalizers.Sequence([normalizers.NFKC(), *([normalizers.Lowercase()] if lowercase else [])])
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)]
    )
    counts = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    letters = [chr(code) for code in range(33, 127)]
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters if letter.isalnum())]
    words = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if len(word) > 1]
    vocabulary = {
        piece: index for index, piece in enumerate(dict.fromkeys([*pieces, *words[: vocab_size - len(pieces)]]))
    }
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=MAX_LENGTH,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def build_encoder(
    tokenizer: PreTrainedTokenizerFast, labels: Iterable[str], *, seed: int
) -> BertForSequenceClassification:
    """A new model with one logit for each of `labels`, drawn from `seed`."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    names = list(labels)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=MAX_LENGTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.05,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForSequenceClassification(config)
    with torch.no_grad():
        embeddings = model.bert.embeddings
        embeddings.position_embeddings.weight.mul_(0.2)
        embeddings.token_type_embeddings.weight.mul_(0.2)
        layers: Any = model.bert.encoder.layer
        for layer in layers:
            for matrix in (layer.attention.self.query.weight, layer.attention.self.key.weight):
                matrix.mul_(0.5).add_(torch.eye(WIDTH))
    return model


def as_cross_encoder(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, folder: str
) -> CrossEncoder:
    """The model as sentence-transformers trains it; `folder` receives its beginning."""
    from sentence_transformers import CrossEncoder
    from torch import nn

    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return CrossEncoder(folder, device="cpu", local_files_only=True, activation_fn=nn.Identity(), max_length=MAX_LENGTH)
