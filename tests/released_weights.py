"""The paper's released weights at tiny width, in a folder laid out as downloads are.

Real classes under real names: Llama, an open_clip ViT, OpenFlamingo's checkpoint with v1's names, Guanaco's PEFT
adapter, an MPNet sentence-transformer, DeBERTa-v2 cross-encoders. Only widths, depths and vocabularies are small.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from flamingo_lib.chat.template import ASSISTANT, DRAFTED, HUMAN, REVISED, SYSTEM_MESSAGE
from flamingo_lib.model import FlamingoConfig, FlamingoForConditionalGeneration
from flamingo_lib.model.lora import add_lora, lora_state
from flamingo_lib.model.trainable import part_of
from flamingo_lib.released import RELEASES
from flamingo_lib.sources.boxes import BOX_PREAMBLE

WIDTH, LAYERS, RANK, ALPHA = 32, 4, 4, 16
EVERY, LATENTS, DEPTH = 2, 6, 2
CONTEXT = 2048
STEPS = 50
GATE = 0.05
"""Start value of the gates: open, but so little that the language model goes on as it was."""

CLIP = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 28, "patch_size": 14, "width": 32, "layers": 2, "head_width": 16},
    "text_cfg": {"context_length": 24, "vocab_size": 400, "width": 32, "heads": 2, "layers": 1},
}

LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
"""Guanaco's."""

TEXTS = [
    SYSTEM_MESSAGE, HUMAN, ASSISTANT, DRAFTED, REVISED, BOX_PREAMBLE,
    "What is this? Describe the image in detail. What changed between the two images? How many are there?",
    "Sure! The image shows a red circle. There are two dogs here. It is a cat. Two men ride a horse.",
    'This is the shortest version of my answer, and one of poor quality: "cat" dog',
]  # fmt: skip


def place(root: Path, name: str) -> Path:
    """The subfolder of a release, made."""
    folder = root / RELEASES[name].hub.rsplit("/", 1)[-1]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def llama_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with LLaMA's first three ids and none of Flamingo's tokens."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=480,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


SAID = ["Sure! The image shows a red circle.", "There are two dogs here.", "It is a cat.", "Two men ride a horse."]

CHATS = [
    f"<s>{SYSTEM_MESSAGE}{HUMAN}{asked}{ASSISTANT}{said}</s>"
    for said in SAID
    for asked in ("What is this?", "Describe the image.")
] + [
    f"<s>{HUMAN[1:]}{asked}{ASSISTANT}{DRAFTED}cat{REVISED}{said}</s>"
    for said in SAID
    for asked in ("What is this?", "How many are there?")
]
"""What the stand-ins have read, so that they end their answers."""

QUOTED = [
    f'<s>This is the shortest version of my answer, and one of poor quality: "{said}"' for said in ("cat", "2", "a dog")
]


def read_a_little(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: list[str], steps: int) -> None:
    """Train on `texts` for a few steps."""
    tokenizer.pad_token = "<unk>"
    rows = tokenizer(texts, add_special_tokens=False, return_tensors="pt", padding=True)
    labels = rows["input_ids"].masked_fill(rows["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        model(**rows, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    tokenizer.pad_token = None


def llama(tokenizer: PreTrainedTokenizerFast, width: int = WIDTH) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=LAYERS,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=CONTEXT,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def save_llama(folder: Path, texts: list[str], width: int = WIDTH) -> None:
    tokenizer = llama_tokenizer()
    model = llama(tokenizer, width)
    read_a_little(model, tokenizer, texts, STEPS)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_clip(folder: Path) -> None:
    """Image and text tower as open_clip keeps them, with a tokenizer that adds its own marks."""
    import open_clip

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=CLIP["text_cfg"]["vocab_size"] - 2,
        special_tokens=["<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens(["<start>", "<end>"])
    ids = [(name, tokenizer.token_to_id(name)) for name in ("<start>", "<end>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<start> $A <end>", special_tokens=ids)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": CLIP, "preprocess_cfg": {"resize_mode": "shortest"}})
    )
    model = open_clip.CLIP(
        CLIP["embed_dim"],
        open_clip.CLIPVisionCfg(**CLIP["vision_cfg"]),
        open_clip.CLIPTextCfg(**CLIP["text_cfg"]),
        quick_gelu=True,
    )
    save_file({name: w.contiguous() for name, w in model.state_dict().items()}, folder / "open_clip_model.safetensors")


def flamingo(rows: int, lora: bool = False) -> FlamingoForConditionalGeneration:
    """A Flamingo of the same sizes whose trained parts become a checkpoint; gates open, no LoRA B zero."""
    text = LlamaConfig(
        vocab_size=rows, hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=LAYERS,
        num_attention_heads=2, num_key_value_heads=2,
    )  # fmt: skip
    config = FlamingoConfig(
        text_config=text,
        vision_config={"source": "open_clip", "embed_dim": CLIP["embed_dim"], "vision_cfg": CLIP["vision_cfg"]},
        num_latents=LATENTS, resampler_depth=DEPTH, resampler_heads=1, cross_attention_heads=1,
        cross_attention_every=EVERY, gate_init=GATE, image_token_id=rows - 2, end_of_chunk_token_id=rows - 3,
    )  # fmt: skip
    model = FlamingoForConditionalGeneration(config)
    if lora:
        add_lora(model, RANK, ALPHA)
        for name, weight in lora_state(model).items():
            if ".lora_B." in name:
                torch.nn.init.normal_(weight, std=0.02)
    return model


def checkpoint(model: FlamingoForConditionalGeneration, parts: set[str]) -> dict[str, torch.Tensor]:
    """The trained weights under both of v1's names for the gated layers, behind `module.`."""
    state = {}
    for name, weight in model.named_parameters():
        if part_of(name, "lang_encoder.model.embed_tokens.weight") in parts:
            state[f"module.{name}"] = weight.detach().clone()
            if ".gated_cross_attn_layer." in name:
                second = name.replace(".model.layers.", ".gated_cross_attn_layers.")
                state[f"module.{second.replace('.gated_cross_attn_layer.', '.')}"] = weight.detach().clone()
    return state


CONNECTOR = {"resampler", "cross_attention", "cross_attention_ffn"}


def save_flamingos(root: Path) -> None:
    rows = len(llama_tokenizer()) + 3  # two tokens, and the padding that the released code adds
    base = flamingo(rows)
    read = LlamaForCausalLM.from_pretrained(place(root, "llama-7b")).get_input_embeddings().weight
    with torch.no_grad():  # OpenFlamingo trained the embeddings on from LLaMA's
        base.get_input_embeddings().weight[: len(read)] = read
    file = place(root, "openflamingo-9b") / "checkpoint.pt"
    torch.save({"model_state_dict": checkpoint(base, CONNECTOR | {"embeddings"}), "epoch": 0}, file)
    own = place(root, "clever-flamingo")
    torch.save(checkpoint(flamingo(rows, lora=True), CONNECTOR | {"lora"}), own / "clever_flamingo.pt")
    torch.save(checkpoint(flamingo(rows, lora=True), {"lora"}), own / "polite_flamingo.pt")
    torch.save(checkpoint(flamingo(rows, lora=True), {"lora"}), own / "polite_flamingo_gen2.pt")


def save_guanaco(folder: Path) -> None:
    """LoRA of the plain language model, by PEFT."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        llama(llama_tokenizer()),
        LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=LORA_TARGETS, task_type="CAUSAL_LM"),
    )
    for name, weight in model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(weight, std=0.02)
    model.save_pretrained(folder)


def save_sts(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import MPNetConfig, MPNetModel

    from flamingo_lib.judges.tiny_encoder import train_word_pieces

    tokenizer = train_word_pieces(TEXTS, lowercase=True, vocab_size=300)
    tokenizer.model_max_length = 128
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    config = MPNetConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=132,
    )  # fmt: skip
    inner = folder.parent / ".mpnet"
    MPNetModel(config).save_pretrained(inner)
    tokenizer.save_pretrained(inner)
    model = SentenceTransformer(str(inner), device="cpu")
    model.max_seq_length = 128
    model.save(str(folder))


def save_deberta(folder: Path, labels: list[str]) -> None:
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    from flamingo_lib.judges.tiny_encoder import train_word_pieces

    tokenizer = train_word_pieces(TEXTS, lowercase=False, vocab_size=300)
    config = DebertaV2Config(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=256, type_vocab_size=0, relative_attention=True, pos_att_type=["p2c", "c2p"],
        position_biased_input=False, norm_rel_ebd="layer_norm", share_att_key=True, position_buckets=64,
        id2label=dict(enumerate(labels)), label2id={label: index for index, label in enumerate(labels)},
        num_labels=len(labels), initializer_range=0.5,
    )  # fmt: skip
    DebertaV2ForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_weights(root: Path) -> Path:
    """All of them under `root`; returns it."""
    state = torch.get_rng_state()
    torch.manual_seed(0)
    save_llama(place(root, "llama-7b"), CHATS)
    save_llama(place(root, "timdettmers/guanaco-33b-merged"), QUOTED, width=48)
    save_clip(place(root, "ViT-L-14-336/openai"))
    save_flamingos(root)
    save_guanaco(place(root, "guanaco-7b"))
    save_sts(place(root, "all-mpnet-base-v2"))
    save_deberta(place(root, "cross-encoder/nli-deberta-v3-base"), ["contradiction", "entailment", "neutral"])
    save_deberta(place(root, "OpenAssistant/reward-model-deberta-v3-large-v2"), ["LABEL_0"])
    torch.set_rng_state(state)
    return root
