"""Tiny models with random weights, in the folders' real layout."""

import json

import pytest

WORDS = (
    'a an the is there red blue green circle square star at top left center small large picture of . , " : ? '
    "answer to question"
).split()


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    """An open_clip model of a few thousand random weights with its own word tokenizer."""
    import open_clip
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("clip")
    vocabulary = {word: index for index, word in enumerate(["<pad>", "<unk>", *WORDS, "<start>", "<end>"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", vocabulary["<start>"]), ("<end>", vocabulary["<end>"])]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    model_cfg = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
        "text_cfg": {"context_length": 12, "vocab_size": len(vocabulary), "width": 32, "heads": 2, "layers": 1},
    }
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": model_cfg, "preprocess_cfg": {"resize_mode": "squash"}})
    )
    torch.manual_seed(0)
    model = open_clip.CLIP(
        **{
            **model_cfg,
            "vision_cfg": open_clip.CLIPVisionCfg(**model_cfg["vision_cfg"]),
            "text_cfg": open_clip.CLIPTextCfg(**model_cfg["text_cfg"]),
        }
    )
    save_file(
        {key: value.contiguous() for key, value in model.state_dict().items()},
        str(folder / "open_clip_model.safetensors"),
    )
    return folder


def make_cross_encoder(folder, labels):
    """A random one-layer BERT classifier with the given labels, saved to `folder`."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
    ).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def nli_folder(tmp_path_factory):
    """An NLI model whose labels do not stand in the paper's order."""
    return make_cross_encoder(tmp_path_factory.mktemp("nli"), ["entailment", "neutral", "contradiction"])


@pytest.fixture(scope="session")
def reward_folder(tmp_path_factory):
    return make_cross_encoder(tmp_path_factory.mktemp("reward"), ["reward"])


@pytest.fixture(scope="session")
def sts_folder(tmp_path_factory):
    """A random two-layer BERT with mean pooling as a sentence-transformers model of at most 100 tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel

    from flamingo_lib.judges.tiny_encoder import train_word_pieces

    folder = tmp_path_factory.mktemp("sts")
    tokenizer = train_word_pieces([" ".join(WORDS)] * 3, lowercase=True, vocab_size=200)
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96,
        max_position_embeddings=100, initializer_range=0.2,
    )  # fmt: skip
    tokenizer.model_max_length = 100
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    model = SentenceTransformer(str(folder / "bert"), device="cpu")
    model.max_seq_length = 100
    model.save(str(folder / "judge"))
    return folder / "judge"
