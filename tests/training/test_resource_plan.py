"""The plan's formulas against measured runs of small models, and the paper's rows against the paper's own hours."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig

from flamingo_lib.config import ModelConfig, StageConfig
from flamingo_lib.errors import CheckpointError, ConfigError, FlamingoError
from flamingo_lib.model.config import FlamingoConfig
from flamingo_lib.model.flamingo import FlamingoForConditionalGeneration
from flamingo_lib.model.lora import add_lora
from flamingo_lib.model.trainable import set_trainable, trainable_table
from flamingo_lib.presets import load_preset
from flamingo_lib.training.model_cost import Batch, Shape
from flamingo_lib.training.resource_plan import count_windows, known_config, plan_stage, plan_table

ROWS, TOKENS, IMAGES = 2, 96, 2

MODELS = {
    "tiny": (
        {
            "vocab_size": 512,
            "hidden_size": 64,
            "intermediate_size": 160,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
        },
        {"image_size": 72, "patch_size": 24, "width": 32, "layers": 2, "head_width": 16},
        {
            "num_latents": 9,
            "resampler_depth": 2,
            "resampler_heads": 4,
            "resampler_dim_head": 8,
            "cross_attention_every": 1,
        },
    ),
    "small": (  # two layers as wide as SmolLM2-135M's, with grouped queries and tied embeddings
        {
            "vocab_size": 4096,
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 2,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "tie_word_embeddings": True,
        },
        {"image_size": 64, "patch_size": 16, "width": 96, "layers": 2, "head_width": 32},
        {
            "num_latents": 16,
            "resampler_depth": 1,
            "resampler_heads": 4,
            "resampler_dim_head": 16,
            "cross_attention_every": 2,
        },
    ),
}


def build(name, rank):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    text, tower, rest = MODELS[name]
    vision = {"source": "open_clip", "embed_dim": 16, "quick_gelu": False, "vision_cfg": tower}
    config = FlamingoConfig(
        text_config=LlamaConfig(**text),
        vision_config=vision,
        cross_attention_heads=4,
        cross_attention_dim_head=16,
        image_token_id=5,
        **rest,
    )
    return add_lora(FlamingoForConditionalGeneration(config), rank, 16)


def measure(model, tunes):
    """Numbers that autograd keeps, trained weights, operations forward, and forward and backward; half of the batch is
    labelled.
    """
    set_trainable(model, tunes)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    model.train()
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept, alive = {}, []

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes() / 4
            alive.append(tensor)
        return tensor

    ids = torch.randint(7, 500, (ROWS, TOKENS))
    labels = ids.clone()
    labels[:, : TOKENS // 2] = -100
    attended = torch.ones(ROWS, TOKENS, dtype=torch.long)
    attended[:, TOKENS // 2 :] = IMAGES
    tower, size = model.vision_encoder, model.vision_encoder.image_size
    visual = {"latents": torch.randn(ROWS, IMAGES, model.config.num_latents, tower.width)}
    if set(tunes) & {"resampler", "connector"}:
        visual = {"vision_tokens": torch.randn(ROWS, IMAGES, tower.num_tokens, tower.width)}
    if "vision" in tunes:
        visual = {"pixel_values": torch.randn(ROWS, IMAGES, 3, size, size)}
    arguments = {"input_ids": ids, "labels": labels, "attended_image": attended, **visual}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(**arguments).loss.backward()
    alive.clear()
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as step:
        model(**arguments).loss.backward()
    model.requires_grad_(False)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as forward:
        model(**arguments)
    return sum(kept.values()), trained, forward.get_total_flops(), step.get_total_flops()


@pytest.mark.parametrize("name", MODELS)
def test_formulas_agree_with_measured_runs(name):
    model = build(name, 8)
    shape, batch = Shape(model.config, 8), Batch(ROWS, TOKENS, IMAGES)
    counted = {row.part: row.parameters for row in trainable_table(model)}
    assert {part: count for part, count in shape.parameters().items() if count} == counted
    for tunes in (("lora",), ("resampler", "cross_attention"), ("connector", "lora"), ("vision", "connector")):
        kept, trained, forward, step = measure(model, tunes)
        assert shape.trained(tunes) == trained
        assert sum(shape.forward_flops(batch, tunes).values()) == pytest.approx(forward, rel=0.03), tunes
        assert shape.step_flops(batch, tunes) == pytest.approx(step, rel=0.03), tunes
        assert shape.kept_numbers(batch, tunes) == pytest.approx(kept, rel=0.08), tunes


def test_recomputing_activations_saves_memory_and_costs_a_forward():
    model = build("tiny", 8)
    shape, batch = Shape(model.config, 8), Batch(ROWS, TOKENS, IMAGES)
    assert shape.kept_numbers(batch, ("lora",), checkpointing=True) < 0.5 * shape.kept_numbers(batch, ("lora",))
    extra = shape.step_flops(batch, ("lora",), checkpointing=True) - shape.step_flops(batch, ("lora",))
    forward = shape.forward_flops(batch, ("lora",))
    assert 0 < extra <= sum(forward.values())


def test_the_papers_stages_take_about_the_papers_hours():
    preset = load_preset("paper")
    hours = {"rewriter": 11.8, "stage1": 11.8, "stage2": 9.5, "stage3": 11.5}
    for name, printed in hours.items():
        stage = preset.rewriter if name == "rewriter" else preset.stages[name]
        plan = plan_stage(name, stage, preset.model, gpus=8, memory=40)
        assert plan.hours == pytest.approx(printed, rel=0.2), name
        assert plan.fits and plan.steps == pytest.approx(plan.windows / stage.batch_size, abs=1)
    assert plan_stage("stage2", preset.stages["stage2"], preset.model).trained == pytest.approx(0.1e9, rel=0.1)
    assert not plan_stage("stage1", preset.stages["stage1"], preset.model, memory=12).fits


def test_smaller_memory_means_smaller_micro_batches_then_recomputation():
    preset = load_preset("small")
    stage = preset.stages["stage1"].model_copy(update={"max_steps": 10})
    plans = [plan_stage("s", stage, preset.model, memory=memory) for memory in (16, 5.5, 3.6)]
    assert [plan.fits for plan in plans] == [True, True, True]
    assert plans[0].micro_batch_size == stage.micro_batch_size and not plans[0].checkpointing
    assert plans[1].micro_batch_size < stage.micro_batch_size and not plans[1].checkpointing
    assert plans[2].checkpointing
    lines = plan_table(plans).splitlines()
    assert len(lines) == 4 and len({len(line) for line in lines}) == 1


def test_windows_follow_the_packing():
    row = StageConfig(batch_size=10, context_length=200, epochs=2)
    assert count_windows(row.model_copy(update={"max_steps": 7})) == 70
    assert count_windows(row.model_copy(update={"packing": "none", "samples": 50})) == 100
    assert count_windows(row, samples=98, mean_tokens=100) == 100
    with pytest.raises(ConfigError, match="not known"):
        count_windows(row)


def test_the_presets_bases_are_known():
    assert Shape(known_config("openflamingo-9b"), 64).parameters()["language_model"] == pytest.approx(6.6e9, rel=0.02)
    assert Shape(known_config("flamingo-small")).parameters()["embeddings"] == 49_154 * 576
    assert ModelConfig().base == "openflamingo-tiny"


@pytest.mark.parametrize("content", ["{}", "[]", "", '{"model_type": "bert"}'])
def test_a_folder_of_another_kind_of_model_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(FlamingoError) as error:
        known_config(str(tmp_path))
    assert str(tmp_path) in str(error.value) and "attribute" not in str(error.value)


def test_a_base_with_code_of_its_own_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "flamingo", "auto_map": {"AutoConfig": "own.Config"}}')
    with pytest.raises(CheckpointError, match="own.Config"):
        known_config(str(tmp_path))


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["memory", "teraflops", "utilization", "mean_tokens"])
def test_a_figure_that_is_no_positive_number_is_refused(name, value):
    preset = load_preset("paper")
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} must be"):
        plan_stage("stage1", preset.stages["stage1"], preset.model, **{name: value})


@pytest.mark.parametrize("name", ["gpus", "samples"])
def test_a_count_below_one_is_refused(name):
    preset = load_preset("paper")
    with pytest.raises(ConfigError, match=f"--{name} must be at least 1, not 0"):
        plan_stage("stage1", preset.stages["stage1"], preset.model, **{name: 0})
