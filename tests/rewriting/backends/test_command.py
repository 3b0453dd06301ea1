"""`flamingo rewrite --backend`: the backend stands in the job's identity and each record; wrong words are refused."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from peft import LoraConfig, get_peft_model
from PIL import Image
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.cli.backend_options import backend_settings
from flamingo_lib.config import RewritingConfig, ScenesConfig
from flamingo_lib.errors import CheckpointError, ConfigError, FlamingoError
from flamingo_lib.pf1m.parquet import dataset_card
from flamingo_lib.rewriting.backends.load import check_backend
from flamingo_lib.rewriting.backends.settings import BackendConfig
from flamingo_lib.rewriting.backends.vlm import load_vlm
from flamingo_lib.rewriting.shards import read_shards
from flamingo_lib.scenes.writers import write_scenes
from tests.tiny_vlms import idefics3, make_vlm


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes") / "data"
    names = ("polite_scenes", "raw_scenes", "calibration_scenes", "evaluation_scenes", "held_out_scenes")
    write_scenes(root, ScenesConfig(**dict.fromkeys((*names, "text_dialogues"), 4), image_size=72), seed=1)
    return ["--source", f"vqa-v2={root / 'vqa-v2'}:train:6"]


def run(*words):
    result = CliRunner().invoke(app, ["rewrite", *map(str, words), "--set", "rewriting.max_new_tokens=6"])
    if result.exception is not None and isinstance(result.exception, FlamingoError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_job_by_another_model(source, smolvlm, tmp_path):
    words = [*source, "--rewriter", smolvlm, "--backend", "transformers", "--out", tmp_path]
    run(*words)
    records = list(read_shards(tmp_path))
    assert len(records) == 6 and all(record.output for record in records)
    assert len({record.rewriter for record in records}) == 1
    assert records[0].rewriter.startswith("transformers smolvlm ")
    job = json.loads((tmp_path / "job.json").read_text())
    assert job["backend"]["kind"] == "transformers" and "{draft}" in job["backend"]["prompt"]
    with pytest.raises(ConfigError, match=r"backend\.style_prompt differs"):
        run(*words, "--style-prompt", "Be polite.")
    with pytest.raises(ConfigError, match=r"backend\.dtype differs .* now \"bfloat16\""):
        run(*words, "--backend-set", "dtype=bfloat16")
    run(*words, "--backend-set", "device=cpu")  # plays no part


def test_models_are_refused_before_work(source, tmp_path):
    with pytest.raises(CheckpointError, match="no image-text-to-text model"):
        run(*source, "--rewriter", "openflamingo-tiny", "--backend", "transformers", "--out", tmp_path / "out")
    with pytest.raises(ConfigError, match="no server is named"):
        run(*source, "--rewriter", "gpt", "--backend", "server", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def spoilt(smolvlm, tmp_path):
    """Folders of models and adapters that can't rewrite, by what is wrong with them."""

    def copied(name, old="", new=""):
        folder = tmp_path / name
        shutil.copytree(smolvlm, folder)
        template = folder / "chat_template.jinja"
        template.write_text(template.read_text().replace(old, new))
        return folder

    def adapter(name, model, target):
        model = get_peft_model(model, LoraConfig(r=2, target_modules=[target], init_lora_weights=False))
        model.save_pretrained(tmp_path / name)
        return tmp_path / name

    turns = "{% for message in messages %}"
    short = tmp_path / "short"
    for part in idefics3(max_position_embeddings=40):
        part.save_pretrained(short)
    return {
        "deaf": copied("deaf", turns, "{% for message in messages if message['role'] != 'system' %}"),
        "blind": copied("blind", "{{ '<image>' }}"),
        "broken": copied("broken", turns, "{% for message in %}"),
        "short": short,
        "other": adapter("other", make_vlm("qwen2.5-vl")[0], "qkv"),
        "wide": adapter("wide", idefics3(hidden_size=64)[0], "q_proj"),
    }


@pytest.mark.parametrize(
    ("model", "words", "message"),
    [
        ("deaf", ["--system", "Be kind."], "drops the system message"),
        ("blind", [], "drops images"),
        ("broken", [], "chat template fails"),
        ("short", [], "context of 40 tokens is too short: its empty prompt has"),
        (None, ["--adapter", "other"], "the adapter"),
        (None, ["--adapter", "wide"], r"another model's: .* don't meet, the first .*q_proj"),
        (None, ["--adapter", "images"], "holds no PEFT adapter"),
    ],
)
def test_a_model_that_cannot_rewrite_leaves_nothing_behind(spoilt, smolvlm, tmp_path, model, words, message):
    Image.new("RGB", (40, 40)).save(tmp_path / "0.png")
    (tmp_path / "images").mkdir()
    (tmp_path / "data.jsonl").write_text('{"image": "0.png", "question": "What?", "answer": "red"}\n')
    words = [str(spoilt.get(word, tmp_path / word)) if word in (*spoilt, "images") else word for word in words]
    given = ["rewrite-data", tmp_path / "data.jsonl", "--rewriter", spoilt.get(model, smolvlm), "--no-filters"]
    given += ["--backend", "transformers", "--out", tmp_path / "out", *words, "--set", "rewriting.max_new_tokens=6"]
    for more in ((), ("--dry-run",)):
        result = CliRunner().invoke(app, list(map(str, (*given, *more))))
        assert isinstance(result.exception, FlamingoError) and re.search(message, str(result.exception))
        assert not (tmp_path / "out").exists()


def test_a_server_without_the_model_leaves_nothing_behind(tmp_path):
    from .test_server import serving

    (tmp_path / "data.jsonl").write_text('{"question": "What?", "answer": "red"}\n')
    given = ["rewrite-data", tmp_path / "data.jsonl", "--rewriter", "tiny", "--backend", "server", "--no-filters"]
    with serving(lambda body, attempt: (400, {}, "no"), models=("other",)) as (url, asked):
        result = CliRunner().invoke(app, list(map(str, (*given, "--url", url, "--out", tmp_path / "out"))))
    assert isinstance(result.exception, ConfigError) and "no model 'tiny'; it has other" in str(result.exception)
    assert not asked and not (tmp_path / "out").exists()


def test_no_adapter_asks_the_hub_for_its_base(smolvlm, tmp_path, monkeypatch):
    model = get_peft_model(make_vlm("idefics3")[0], LoraConfig(r=2, target_modules=["q_proj"]))
    model.peft_config["default"].base_model_name_or_path = "somebody/on-the-hub"
    model.save_pretrained(tmp_path, save_embedding_layers=False)

    def asked(*words):
        raise AssertionError(f"the hub was asked for {words}")

    monkeypatch.setattr("peft.utils.save_and_load.check_file_exists_on_hf_hub", asked)
    settings = BackendConfig(kind="transformers", adapter=str(tmp_path))
    check_backend(str(smolvlm), settings, RewritingConfig(max_new_tokens=6))
    load_vlm(str(smolvlm), settings)


def test_requests_are_written_and_answers_read(source, tmp_path):
    words = [*source, "--rewriter", "gpt", "--backend", "server", "--out", tmp_path / "job"]
    assert "6 requests" in run(*words, "--batch-out", tmp_path / "requests.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]
    body = {"model": "gpt", "choices": [{"message": {"content": "It is red."}, "finish_reason": "stop"}]}
    answers = [{"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}} for line in lines]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    run(*words, "--batch-in", tmp_path / "answers.jsonl")
    assert [record.output for record in read_shards(tmp_path / "job")] == ["It is red."] * 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serv",), "kind cannot be 'serv'"),
        (("flamingo", "http://x/v1"), "flamingo has no url"),
        (("flamingo", None, "Be polite."), "flamingo has no style prompt"),
        (("server", "http://x/v1", None, None, "adapter"), "server has no adapter"),
        (("transformers", None, None, None, None, ["colour=1"]), "not a setting of a backend"),
        (("server", "http://x/v1", None, None, None, ["concurrency=0"]), "concurrency cannot be 0"),
        (("transformers", None, None, None, None, ["prompt=Rewrite"]), "lacks {instruction}"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message.replace("{", r"\{")):
        backend_settings(*arguments)


def test_the_card_says_what_rewrote():
    card = dataset_card(
        title="X", counts={"vqa-v2": 1}, funnel="", judges={}, thresholds={}, rewriter="transformers smol 1a2b",
        created_by="me", backend={"kind": "transformers", "prompt": "a|b\nc", "system": None},
    )  # fmt: skip
    assert '("transformers smol 1a2b")' in card and "| prompt | `a\\|b c` |" in card and "| system |" not in card
