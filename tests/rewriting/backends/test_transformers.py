"""The Transformers backend with real architectures at tiny width: each record for itself, nothing lost."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from flamingo_lib.config import RewritingConfig
from flamingo_lib.errors import CheckpointError, ConfigError, MissingAsset
from flamingo_lib.records import Sample
from flamingo_lib.rewriting.backends.decoding import SampleByRecord
from flamingo_lib.rewriting.backends.settings import BackendConfig, backend_identity
from flamingo_lib.rewriting.backends.transformers import TransformersRewriter
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.rewriting.shards import read_shards

CONFIG = RewritingConfig(batch_size=5, max_new_tokens=8)


def load(folder, pictures, settings=None, **config):
    backend = BackendConfig(kind="transformers", **(settings or {}))
    return TransformersRewriter.load(folder, pictures, CONFIG.model_copy(update=config), backend)


def texts(rewrites):
    return [(rewrite.output, rewrite.flags) for rewrite in rewrites]


@pytest.fixture
def changed(smolvlm, tmp_path):
    """A copy of the model's folder with a JSON file changed."""

    def change(name, **values):
        folder = tmp_path / "changed"
        if not folder.exists():
            shutil.copytree(smolvlm, folder)
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return folder

    return change


def test_a_record_is_rewritten_alike_alone_and_in_a_job(vlm_folder, pictures, samples, tmp_path):
    rewriter = load(vlm_folder, pictures)
    run_job(lambda: samples, lambda: lambda given, tick: rewriter.rewrite(given, tick), tmp_path, identity={})
    job = list(read_shards(tmp_path))
    assert [rewrite.sample.id for rewrite in job] == [sample.id for sample in samples] and len(job) == 24
    assert all(rewrite.output for rewrite in job) and len({rewrite.output for rewrite in job}) > 6
    alone = load(vlm_folder, pictures, batch_size=1)
    for index in (0, 2, 3, 7):
        assert texts(alone.rewrite([samples[index]])) == texts([job[index]])
    assert rewriter.tokens > 24


def test_the_text_depends_on_image_draft_and_instruction(smolvlm, pictures, samples):
    from dataclasses import replace

    rewriter, first = load(smolvlm, pictures), samples[0]
    others = [replace(first, images=("2.png",)), replace(first, raw="azure"), replace(first, instruction="Why?")]
    outputs = [rewrite.output for rewrite in rewriter.rewrite([first, *others])]
    assert all(output != outputs[0] for output in outputs[1:])


def test_a_style_prompt_shows_no_draft(smolvlm, pictures, samples):
    from dataclasses import replace

    rewriter = load(smolvlm, pictures, {"style_prompt": "Answer politely."})
    first, other = rewriter.rewrite([samples[0], replace(samples[0], raw="azure")])
    assert first.output == other.output
    assert rewriter.template == "{instruction}\nAnswer politely."


def test_sampling_depends_on_the_record_alone(smolvlm, pictures, samples):
    rewriter = load(smolvlm, pictures, temperature=1.0)
    whole = rewriter.rewrite(samples[:8])
    assert texts(rewriter.rewrite(samples[4:6])) == texts(whole[4:6])
    assert texts(whole) != texts(load(smolvlm, pictures).rewrite(samples[:8]))


def test_noise_on_scores_is_a_draw_from_their_softmax():
    scores = torch.tensor([[0.0, 1.0, 2.0]])
    draw = SampleByRecord(0.5, [torch.Generator().manual_seed(1)])
    counts = torch.bincount(torch.tensor([int(draw(None, scores).argmax()) for _ in range(4000)]), minlength=3) / 4000
    assert torch.allclose(counts, (scores / 0.5).softmax(-1)[0], atol=0.03)


def test_what_cannot_be_rewritten_is_set_aside(smolvlm, pictures, samples):
    bad = [
        Sample("vqa/missing", "vqa", "vqa", ("none.png",), "What is it?", "a star"),
        Sample("vqa/token", "vqa", "vqa", (), "What is <image>?", "a star"),
        Sample("vqa/long", "vqa", "vqa", (), "What is it?" * 400, "a star"),
    ]
    done = load(smolvlm, pictures).rewrite([samples[0], *bad, samples[2]])
    assert [rewrite.flags for rewrite in done[1:4]] == [("unreadable_image",), ("refused",), ("too_long",)]
    assert "<image>" in done[2].scores["error"] and "that is too long" in done[3].scores["error"]
    assert texts([done[0], done[4]]) == texts(load(smolvlm, pictures).rewrite([samples[0], samples[2]]))


def test_a_picture_that_the_processor_refuses_costs_its_record_alone(tmp_path, samples):
    from PIL import Image

    from tests.tiny_vlms import save_vlm

    def pictures(sample):
        return [Image.new("RGB", (1, 400) if sample.id == "vqa/1" else (40, 40), "red") for _ in sample.images]

    done = load(save_vlm("qwen2.5-vl", tmp_path), pictures).rewrite(samples[:3])
    assert done[1].flags == ("refused",) and "aspect ratio" in done[1].scores["error"]
    assert done[0].output and done[2].output


def test_a_system_message_is_read_or_refused(smolvlm, pictures, samples, changed):
    plain, told = (load(smolvlm, pictures, {"system": system}) for system in (None, "Be brief."))
    assert told.chat.render("x", 0).startswith("<|im_start|>System: Be brief.<end_of_utterance>")
    assert texts(plain.rewrite(samples[:2])) != texts(told.rewrite(samples[:2]))
    folder = changed("tokenizer_config.json")
    deaf = "{% for message in messages if message['role'] != 'system' %}"
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("{% for message in messages %}", deaf))
    load(folder, pictures)
    with pytest.raises(CheckpointError, match="drops the system message"):
        load(folder, pictures, {"system": "Be brief."})


def test_a_template_for_one_image_sets_aside_records_with_two(pictures, samples, changed):
    folder = changed("tokenizer_config.json")
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("elif line['type'] == 'image'", "elif loop.first"))
    done = load(folder, pictures).rewrite(samples[:4])
    assert done[3].flags == ("refused",) and "cannot hold 2 images" in done[3].scores["error"]
    assert all(rewrite.output for rewrite in done[:3])


def test_models_that_cannot_rewrite_are_refused_with_reasons(smolvlm, pictures, changed, tmp_path):
    with pytest.raises(MissingAsset, match="no-such-model"):
        load("no-such-model", pictures)
    folder = changed("config.json", model_type="llama")
    with pytest.raises(CheckpointError, match="no image-text-to-text model.*'llama'"):
        load(folder, pictures)
    folder = changed("config.json", model_type="idefics3")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(CheckpointError, match="no chat template"):
        load(folder, pictures)
    code = changed("config.json", auto_map={"AutoModel": "own.py"})
    with pytest.raises(CheckpointError, match="code of its own"):
        load(code, pictures)
    with pytest.raises(ConfigError, match="trust_remote_code names 'another'"):
        load(smolvlm, pictures, {"trust_remote_code": "another"})


def test_adapters_are_added_and_those_of_other_models_refused(smolvlm, pictures, samples, tmp_path):
    from peft import LoraConfig, get_peft_model

    from tests.tiny_vlms import make_vlm

    for name, targets in (("idefics3", ["q_proj", "v_proj"]), ("qwen2.5-vl", ["qkv"])):
        model = get_peft_model(make_vlm(name)[0], LoraConfig(r=2, target_modules=targets, init_lora_weights=False))
        model.peft_config["default"].base_model_name_or_path = str(smolvlm)
        model.save_pretrained(tmp_path / name)
    plain = texts(load(smolvlm, pictures).rewrite(samples[:3]))
    adapted = texts(load(smolvlm, pictures, {"adapter": str(tmp_path / "idefics3")}).rewrite(samples[:3]))
    assert plain != adapted
    assert texts(load(tmp_path / "idefics3", pictures).rewrite(samples[:3])) == adapted  # it names its base
    with pytest.raises(CheckpointError, match="the adapter"):
        load(smolvlm, pictures, {"adapter": str(tmp_path / "qwen2.5-vl")})
    identities = [
        backend_identity(str(smolvlm), BackendConfig(kind="transformers", adapter=adapter))
        for adapter in (None, str(tmp_path / "idefics3"))
    ]
    assert identities[0] != identities[1]


def test_half_precision_by_option(smolvlm, pictures, samples):
    rewriter = load(smolvlm, pictures, {"dtype": "bfloat16"})
    assert rewriter.model.dtype == torch.bfloat16
    assert all(rewrite.output for rewrite in rewriter.rewrite(samples[:4]))


@pytest.mark.parametrize("prompt", ["{instruction} {answer}", "Rewrite {draft}"])
def test_prompts_with_wrong_fields_are_refused(prompt):
    with pytest.raises(ConfigError, match="answer|instruction"):
        assert BackendConfig(prompt=prompt).template
