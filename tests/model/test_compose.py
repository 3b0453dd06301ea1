"""A Flamingo of parts that were trained elsewhere."""

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from flamingo_lib.chat import ChatTurn
from flamingo_lib.errors import CheckpointError, MissingAsset
from flamingo_lib.model import generate_batch
from flamingo_lib.model.compose import compose, read_language_model
from flamingo_lib.model.folder import load_folder, save_folder
from flamingo_lib.model.vision import VisionEncoder

VISION = {
    "source": "open_clip",
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 24, "layers": 1, "head_width": 12},
}
SETTINGS = {"num_latents": 3, "resampler_depth": 1, "cross_attention_every": 2}


@pytest.fixture
def parts(tmp_path, build_llama):
    """A language model's folder with a tokenizer that knows nothing of images, and a CLIP's weights."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        ["hello"], trainers.BpeTrainer(vocab_size=258, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    torch.manual_seed(0)
    LlamaForCausalLM(build_llama(vocab_size=258, max_position_embeddings=512)).save_pretrained(tmp_path / "lm")
    tokenizer.save_pretrained(tmp_path / "lm")
    tower = VisionEncoder(config=VISION).visual
    save_file({f"visual.{name}": value.contiguous() for name, value in tower.state_dict().items()}
              | {"logit_scale": torch.zeros(())},
              tmp_path / "clip.safetensors")  # fmt: skip
    return tmp_path, tower


def test_parts_are_kept_and_tokens_added(parts):
    folder, tower = parts
    plain, _ = read_language_model(folder / "lm")
    language_model, tokenizer = read_language_model(folder / "lm")
    model, processor = compose(
        language_model, tokenizer, VISION, vision_weights=folder / "clip.safetensors", **SETTINGS
    )
    config = model.config
    assert (
        config.original_vocab_size,
        config.end_of_chunk_token_id,
        config.image_token_id,
        config.text_config.pad_token_id,
    ) == (
        258,
        258,
        259,
        260,
    )
    assert model.get_input_embeddings().weight.shape[0] == model.get_output_embeddings().weight.shape[0] == 261
    assert model.lang_encoder.config._attn_implementation == "sdpa"
    for name, value in tower.state_dict().items():
        assert torch.equal(model.vision_encoder.visual.state_dict()[name], value)
    ids = tokenizer("hello there", return_tensors="pt").input_ids
    found, expected = (each(input_ids=ids, output_hidden_states=True) for each in (model, plain))
    assert torch.equal(found.hidden_states[-1], expected.hidden_states[-1])  # gates are closed
    # heads of 258 and of 261 columns may be rounded differently
    torch.testing.assert_close(found.logits[..., :258], expected.logits, rtol=1e-5, atol=1e-5)

    batch = processor([[ChatTurn("hello", images=1)]], [[torch.zeros(20, 20, 3, dtype=torch.uint8).numpy()]])
    expected = generate_batch(model, batch, 4)
    loaded, again = load_folder(save_folder(model, processor, folder / "composed"))
    assert (
        generate_batch(
            loaded, again([[ChatTurn("hello", images=1)]], [[torch.zeros(20, 20, 3, dtype=torch.uint8).numpy()]]), 4
        )
        == expected
    )


def test_towers_that_do_not_fit(parts):
    folder, tower = parts
    state = {name: value.contiguous() for name, value in tower.state_dict().items()}
    save_file({name: value for name, value in state.items() if name != "ln_post.bias"}, folder / "part.safetensors")
    with pytest.raises(CheckpointError, match="1 weights of the vision tower are missing, the first ln_post.bias"):
        compose(*read_language_model(folder / "lm"), VISION, vision_weights=folder / "part.safetensors", **SETTINGS)
    save_file(state | {"ln_post.bias": torch.zeros(7)}, folder / "shape.safetensors")
    with pytest.raises(CheckpointError, match=r"ln_post.bias is \(7,\), not \(24,\)"):
        compose(*read_language_model(folder / "lm"), VISION, vision_weights=folder / "shape.safetensors", **SETTINGS)


def test_absent_language_models(tmp_path):
    with pytest.raises(MissingAsset, match="no such language model"):
        read_language_model(tmp_path / "nothing")
