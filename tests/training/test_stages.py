"""Stages from folder to folder, with the real template, processor and caches."""

import json
import shutil

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from flamingo_lib.config import ModelConfig, StageConfig
from flamingo_lib.errors import ConfigError, DataError, StorageError
from flamingo_lib.loading import ADAPTER
from flamingo_lib.records import Conversation, Turn
from flamingo_lib.training.collate import Collator
from flamingo_lib.training.stages import (
    RESULT,
    example_template,
    load_base,
    prepare,
    stage_dataset,
    stage_order,
    train_stage,
)
from flamingo_lib.training.visual_inputs import make_visuals, visual_form

CONFIG = ModelConfig(lora_rank=4, lora_alpha=8)
STAGE = StageConfig(
    context_length=200, max_images=3, max_steps=4, batch_size=4, micro_batch_size=4, learning_rate=1e-2, warmup_steps=1
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def changed(before, after):
    one, other = (load_file(folder / "model.safetensors") for folder in (before, after))
    return {name for name in other if name in one and not torch.equal(one[name], other[name])}, set(other) - set(one)


def test_the_u_trains_what_each_stage_tunes(tiny, tmp_path):
    examples = tiny.examples + tiny.texts
    arguments = {"seed": 0, "model_config": CONFIG, "cache_folder": tmp_path / "cache", "save_every": None}
    first = train_stage(tiny.folder, STAGE, examples, tmp_path / "1", **arguments)
    second = STAGE.model_copy(update={"tunes": ("resampler", "cross_attention")})
    train_stage(tmp_path / "1", second, examples, tmp_path / "2", **arguments)
    train_stage(tmp_path / "2", STAGE, examples, tmp_path / "3", **arguments)

    moved, new = changed(tiny.folder, tmp_path / "1")
    assert (
        not {name for name in moved if ".lora_" not in name}
        and new
        and all(".lora_" in name or "base_layer" in name for name in new)
    )
    moved, new = changed(tmp_path / "1", tmp_path / "2")
    assert (
        not new
        and moved
        and all(name.startswith("perceiver.") or "gated_cross_attn_layer.att" in name for name in moved)
    )
    moved, new = changed(tmp_path / "2", tmp_path / "3")
    assert not new and moved and all(".lora_" in name for name in moved)

    report = json.loads((tmp_path / "1" / RESULT).read_text())
    assert report["steps"] == 4 and report["loss"] == pytest.approx(first.loss) and report["stage"]["tunes"] == ["lora"]
    assert report["packing"]["fill"] > 0.6
    adapter = load_file(tmp_path / "1" / ADAPTER / "adapter_model.safetensors")
    whole = load_file(tmp_path / "1" / "model.safetensors")
    name = next(iter(adapter))
    assert torch.equal(
        adapter[name], whole[name.removeprefix("base_model.model.").replace(".weight", ".default.weight")]
    )
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) and not (tmp_path / "1.work").exists()
    assert not list(tmp_path.glob(".*.part"))


def test_cached_features_train_as_pixels_do(tiny, tmp_path):
    for tunes in (("lora",), ("connector",)):
        stage = STAGE.model_copy(update={"tunes": tunes})
        curves = [
            train_stage(
                tiny.folder,
                stage,
                tiny.examples,
                tmp_path / "out",
                seed=0,
                model_config=CONFIG,
                cache_folder=cache,
                save_every=None,
                log_every=1,
            ).curve
            for cache in (tmp_path / "cache", None)
        ]
        assert [loss for _, loss in curves[0]] == pytest.approx([loss for _, loss in curves[1]], abs=1e-4)


def test_the_form_of_visual_inputs_follows_what_trains(tiny, tmp_path):
    assert (
        visual_form(("lora",)) == "latents"
        and visual_form(("connector",)) == visual_form(("resampler", "lora")) == "vision_tokens"
    )
    assert visual_form(("vision", "resampler")) == visual_form(("lora",), augmented=True) == "pixel_values"
    model, processor = load_base(tiny.folder)
    arguments = {"tunes": ("lora",), "cache_folder": tmp_path, "details": processor.image_processor.size}
    visuals = make_visuals(model, processor.image_processor.pixels, tiny.images[:5], **arguments)
    batch = visuals([tiny.images[:2], (), tiny.images[2:3]])["latents"]
    pixels = processor.image_processor.pixels(tiny.images[:3])
    assert batch.shape == (3, 2, 4, 32)
    assert torch.allclose(batch[[0, 0, 2], [0, 1, 0]], model.resample(model.encode_images(pixels)), atol=1e-5)
    assert not batch[1].any() and not batch[2, 1].any()
    assert visuals([()])["latents"].shape == (1, 1, 4, 32)
    with torch.no_grad():
        model.perceiver.latents += 1
    make_visuals(model, processor.image_processor.pixels, tiny.images[:5], **arguments)
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_kept_where_the_tower_trains_or_images_are_augmented(tiny, tmp_path):
    model, processor = load_base(tiny.folder)
    read = processor.image_processor.pixels
    for options in (
        {"tunes": ("lora",), "augmented": True},
        {"tunes": ("resampler", "vision")},
        {"tunes": ("vision",)},
    ):
        visuals = make_visuals(model, read, tiny.images[:3], cache_folder=tmp_path / "cache", **options)
        assert visuals.form == "pixel_values" and torch.equal(
            visuals([tiny.images[:2]])["pixel_values"][0], read(tiny.images[:2])
        )
    unfrozen = STAGE.model_copy(update={"tunes": ("resampler", "cross_attention", "vision"), "max_steps": 2})
    arguments = {"seed": 0, "model_config": CONFIG, "cache_folder": tmp_path / "cache", "save_every": None}
    train_stage(tiny.folder, unfrozen, tiny.examples, tmp_path / "out", **arguments)
    assert not (tmp_path / "cache").exists()
    assert any(name.startswith("vision_encoder.") for name in changed(tiny.folder, tmp_path / "out")[0])


def test_another_tower_size_or_picture_is_computed_anew(tiny, tmp_path):
    model, processor = load_base(tiny.folder)
    seen = []

    def read(files):
        seen.append(len(files))
        return processor.image_processor.pixels(files)

    def look(files, **options):
        seen.clear()
        arguments = {
            "tunes": ("resampler",),
            "cache_folder": tmp_path / "cache",
            "details": {"size": 72},
            "batch_size": 1,
        }
        return make_visuals(model, read, files, **arguments | options)([files])["vision_tokens"][0], len(seen)

    file = tmp_path / "picture.png"
    shutil.copy(tiny.images[0], file)
    first, computed = look([str(file)])
    assert (
        computed == 1 and look([str(file)])[1] == look([tiny.images[0]])[1] == 0
    )  # the same content under another name
    shutil.copy(tiny.images[1], file)
    second, computed = look([str(file)])
    assert computed == 1 and not torch.equal(first, second)
    assert look([str(file)], details={"size": 36})[1] == 1
    with torch.no_grad():
        next(model.perceiver.parameters()).add_(1)
    assert look([str(file)])[1] == 0  # the tower's tokens don't depend on the resampler
    with torch.no_grad():
        next(model.vision_encoder.parameters()).add_(1)
    third, computed = look([str(file)])
    assert computed == 1 and not torch.equal(second, third)


def test_windows_are_rendered_as_the_template_renders_a_chat(tiny):
    _, processor = load_base(tiny.folder)
    turns = (Turn("What color is it?", "Red.", images=1), Turn("Sure?", "Yes."))
    dataset = stage_dataset([Conversation("d", turns, (tiny.images[0],))], processor, STAGE, seed=0)
    row, whole = dataset[0], processor.template.render(turns)
    assert row.ids.tolist() == whole.ids and row.labelled.tolist() == whole.loss_mask
    begin = whole.ids.index(processor.template.image_token_id)
    assert row.attended.tolist() == [0] * begin + [1] * (len(row) - begin)


def test_a_model_is_saved_with_the_template_that_it_was_trained_with(tiny, tmp_path):
    model, processor = load_base(tiny.folder)
    assert processor.template.within_turn
    train_stage(
        (model, processor), STAGE, tiny.examples, tmp_path / "out", seed=0, model_config=CONFIG, save_every=None
    )
    _, saved = load_base(tmp_path / "out")
    assert not saved.template.within_turn and saved.template.settings() == example_template(processor).settings()


def test_missing_images_are_named_before_the_first_step(tiny, tmp_path):
    turns = (Turn("What color is it?", "Red.", images=1),)
    gone = [Conversation(f"g{number}", turns, (str(tmp_path / f"{number}.png"),)) for number in range(2)]
    message = r"2 images are missing: .*0\.png \(record g0\), .*1\.png \(record g1\)"
    with pytest.raises(DataError, match=message):
        train_stage(
            tiny.folder, STAGE, [*tiny.examples, *gone], tmp_path / "out", seed=0, model_config=CONFIG, save_every=None
        )


def test_isolated_turns_train(tiny, tmp_path):
    stage = STAGE.model_copy(update={"isolate_turns": True, "attend_within_turn": False, "image_size": 24})
    result = train_stage(
        tiny.folder, stage, tiny.examples, tmp_path / "out", seed=0, model_config=CONFIG, save_every=None
    )
    assert result.loss > 0


def test_isolated_turns_do_not_see_each_other(tiny):
    model, processor = load_base(tiny.folder)
    model.eval()
    row = stage_dataset(tiny.texts, processor, STAGE.model_copy(update={"isolate_turns": True}), seed=0)[0]
    assert row.turn.max() > 1
    batch = Collator(pad_token_id=0, isolate_turns=True)([row])
    batch.pop("labels"), batch.pop("attended_image")
    other = batch | {"input_ids": batch["input_ids"].clone()}
    other["input_ids"][0, row.turn == 1] = 7
    with torch.no_grad():
        one, two = model(**batch).logits[0], model(**other).logits[0]
    assert torch.allclose(one[row.turn != 1], two[row.turn != 1], atol=1e-6) and not torch.allclose(one, two, atol=1e-2)


def test_stages_are_ordered_by_where_they_start():
    stages = {
        name: STAGE.model_copy(update={"start": start})
        for name, start in (("c", "b"), ("b", "a"), ("a", "base"), ("raw", "a"))
    }
    order = stage_order(stages)
    assert order[0] == "a" and order.index("b") < order.index("c") and set(order) == set(stages)
    with pytest.raises(ConfigError, match="no stage makes"):
        stage_order({"x": STAGE.model_copy(update={"start": "y"})})


def test_a_stage_that_trains_nothing_is_refused(tiny, tmp_path):
    with pytest.raises(ConfigError):
        train_stage(
            tiny.folder,
            STAGE.model_copy(update={"tunes": ()}),
            tiny.examples,
            tmp_path / "out",
            seed=0,
            model_config=CONFIG,
        )


def test_a_full_disk_at_the_end_keeps_the_training(tiny, tmp_path, monkeypatch):
    arguments = {"seed": 0, "model_config": CONFIG, "save_every": 2}
    with monkeypatch.context() as patch:

        def full(*_, **__):
            raise SafetensorError("I/O error: No space left on device (os error 28)")

        patch.setattr("safetensors.torch.save_file", full)
        patch.setattr("flamingo_lib.loading.save_adapter", full)
        with pytest.raises(StorageError, match="could not write: No space left"):
            train_stage(tiny.folder, STAGE, tiny.examples, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()
    assert train_stage(tiny.folder, STAGE, tiny.examples, tmp_path / "out", **arguments).resumed_from == STAGE.max_steps
    assert (tmp_path / "out" / ADAPTER).is_dir() and not (tmp_path / "out.work").exists()


def test_a_folder_with_other_things_is_not_replaced(tiny, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("years")
    for name in ("home", "file"):
        with pytest.raises(ConfigError, match=name):
            train_stage(tiny.folder, STAGE, tiny.examples, tmp_path / name, seed=0, model_config=CONFIG)
    assert (tmp_path / "home" / "thesis.tex").read_text() == (tmp_path / "file").read_text() == "years"


def test_a_model_made_fast_to_decode_is_plain_again_when_training_begins(tiny):
    model, _ = load_base(tiny.folder)
    assert "decoder" in model.__dict__ and "decoder" not in load_base(tiny.folder, optimize=False)[0].__dict__
    prepare(model, STAGE, CONFIG.model_copy(update={"optimize_for_cpu": False}), seed=0)
    assert not {"decoder", "training_loss"} & model.__dict__.keys()
