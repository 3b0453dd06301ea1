"""The local backend against a tiny random Llama."""

import json
import shutil
from pathlib import Path

import pytest

from flamingo_lib.distortion.llm import LlmDistorter
from flamingo_lib.distortion.local import TransformersBackend
from flamingo_lib.distortion.prompt import build_messages
from flamingo_lib.errors import CheckpointError, MissingAsset

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
RESPONSE = "Of course! The ring in the image is blue, number {}. I hope this helps!" + " It is very blue." * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("llama")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({token: index for index, token in enumerate(["<pad>", "<s>", "</s>", *alphabet])}, []))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    tokenizer.save_pretrained(path)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=1400, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.lm_head.weight.data *= 12  # opinions strong enough that rounding does not turn them
    model.save_pretrained(path)
    return path


def requests(distorter, count=7):
    return [
        distorter.request("What color is the ring?", RESPONSE.format("x" * (7 * index % 23)), str(index), 1)
        for index in range(count)
    ]


def texts(backend, count=7):
    distorter = LlmDistorter(backend)
    return [cleaned.text for cleaned in backend.complete(requests(distorter, count))]


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_draft_does_not_depend_on_its_batch(folder, temperature):
    alone = texts(TransformersBackend(str(folder), batch_size=1, max_new_tokens=24, temperature=temperature))
    together = texts(TransformersBackend(str(folder), batch_size=3, max_new_tokens=24, temperature=temperature))
    assert alone == together and any(alone)
    if temperature:
        assert len(set(alone)) == 7


def test_completions_are_kept_and_gated(folder, tmp_path):
    backend = TransformersBackend(str(folder), batch_size=4, max_new_tokens=12, cache=tmp_path / "c.jsonl")
    distorter = LlmDistorter(backend)
    drafts = list(distorter.drafts(requests(distorter)))
    assert sum(distorter.counts.values()) == 7 and [draft.request.id for draft in drafts] == list("0123456")
    again = TransformersBackend(str(folder), batch_size=4, max_new_tokens=12, cache=tmp_path / "c.jsonl")
    again._generate = None  # everything must come from the cache
    assert list(LlmDistorter(again).drafts(requests(LlmDistorter(again)))) == drafts


def test_prompts_use_the_models_template_or_guanacos(folder):
    backend = TransformersBackend(str(folder), max_new_tokens=4)
    request = requests(LlmDistorter(backend), 1)[0]
    assert backend.prompt(request).startswith("<s>### Human: What color is the ring?\n### Assistant: Of course!")
    backend.tokenizer.chat_template = TEMPLATE
    prompt = backend.prompt(request)
    assert prompt.startswith("<|user|>\nWhat color is the ring?</s>") and prompt.endswith(
        build_messages("", "", request.command)[-1]["content"]
    )


def test_a_text_that_spells_a_control_token_out_is_refused(folder):
    backend = TransformersBackend(str(folder), batch_size=2, max_new_tokens=8)
    distorter = LlmDistorter(backend)
    asked = [distorter.request("What?", f"It is {word} red and round, I hope.", word, 1) for word in ("</s>", "<b>")]
    asked.append(distorter.request("Is <pad> a word?", "Yes, it is a word.", "x", 1))
    assert [cleaned.reason for cleaned in backend.complete(asked)] == ["refused", "", "refused"]


def test_responses_beyond_the_context_are_dropped_and_counted(folder):
    backend = TransformersBackend(str(folder), max_new_tokens=4)
    distorter = LlmDistorter(backend)
    draft = distorter.distort("What color is the ring?", "word " * 400, "long")
    assert draft.rejected == "too_long" and distorter.counts == {"too_long": 1}


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(MissingAsset, match="the chat model .*not on this machine"):
        TransformersBackend(str(tmp_path / "nothing"))
    with pytest.raises(CheckpointError, match="no weights"):
        TransformersBackend(str(tmp_path))


def change_weights(folder, change):
    from safetensors.torch import load_file, save_file

    save_file(change(dict(load_file(folder / "model.safetensors"))), folder / "model.safetensors", {"format": "pt"})


def drop_norm(folder):
    change_weights(folder, lambda state: {name: value for name, value in state.items() if name != "model.norm.weight"})


def reshape_norm(folder):
    change_weights(folder, lambda state: state | {"model.norm.weight": state["model.norm.weight"][:-1].clone()})


def pickle_weights(folder):
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def bring_code(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModelForCausalLM": "own.Own"}}))


def point_to_lfs(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def drop_tokenizer(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (drop_norm, "model.norm.weight are missing"),
        (reshape_norm, "model.norm.weight have another shape"),
        (pickle_weights, "pickle"),
        (bring_code, "own.Own.*never run"),
        (point_to_lfs, "git LFS pointer"),
        (drop_tokenizer, "token"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_by_name(folder, tmp_path, spoil, says, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks"))
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    spoil(copy)
    with pytest.raises(CheckpointError, match=says) as error:
        TransformersBackend(str(copy))
    assert str(copy) in str(error.value)
