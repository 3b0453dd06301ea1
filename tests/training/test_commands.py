"""`flamingo train` on chats of one's own, and `flamingo plan`."""

import json

import pytest
import torch
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import ConfigError, FlamingoError

RUNNER = CliRunner()


def invoke(*arguments):
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, FlamingoError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def chats(tiny, folder):
    lines = []
    for example in tiny.examples[:12] + tiny.texts[:4]:
        turns = [
            {"instruction": turn.instruction, "response": turn.response, "images": turn.images}
            for turn in example.turns
        ]
        lines.append(
            json.dumps(
                {"id": example.id, "turns": turns, "images": [file.rsplit("/", 1)[1] for file in example.images]}
            )
        )
    file = folder / "chats.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


def stage1(tiny, folder):
    data = ["--data", chats(tiny, folder), "--images", tiny.folder.parent]
    return ["train", "stage1", *data, "--base", tiny.folder]


def test_a_stage_is_trained_on_ones_own_chats(tiny, tmp_path):
    arguments = stage1(tiny, tmp_path)
    settings = [f"--set=stages.stage1.{setting}" for setting in ("max_steps=2", "batch_size=4", "micro_batch_size=4")]
    figures = json.loads(invoke(*arguments, "--out", tmp_path / "model", *settings, "--json"))
    assert figures["stage1"]["steps"] == 2 and (tmp_path / "model/model.safetensors").is_file()
    assert (tmp_path / "model/adapter/adapter_config.json").is_file()


def test_the_bits_depend_on_the_setting_and_not_on_the_environments_threads(tiny, tmp_path, monkeypatch):
    before, found, asked = torch.get_num_threads(), {}, []
    setter = torch.set_num_threads
    monkeypatch.setattr(torch, "set_num_threads", lambda count: (asked.append(count), setter(count)))
    steps = [f"--set=stages.stage1.{setting}" for setting in ("max_steps=5", "batch_size=1", "micro_batch_size=1")]
    try:
        for outside, setting in ((2, "preset"), (3, "preset"), (2, "3")):
            setter(outside)
            own = [] if setting == "preset" else [f"--set=threads={setting}"]
            out = tmp_path / f"{outside}-{setting}"
            invoke(*stage1(tiny, tmp_path), "--out", out, *steps, *own)
            assert torch.get_num_threads() == outside, "left as it was"
            found[outside, setting] = (out / "model.safetensors").read_bytes()
            assert json.loads((out / "training.json").read_text())["threads"] == (1 if setting == "preset" else 3)
    finally:
        setter(before)
    assert found[2, "preset"] == found[3, "preset"]
    assert {1, 3} <= set(asked), "and it is what PyTorch computes with; whether bits differ depends on the processor"


def test_wrong_arguments_are_told(tmp_path):
    with pytest.raises(ConfigError, match="no stage 'stage9'"):
        invoke("train", "stage9")
    with pytest.raises(ConfigError, match="name one stage"):
        invoke("train", "all", "--data", tmp_path / "x.jsonl")
    with pytest.raises(ConfigError, match="no stage"):
        invoke("plan", "stage9")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('stage1.tunes=["lora", "lips"]', r"stages.stage1.tunes.1.*'connector'.*got 'lips'"),
        ("stage1.tunes=[]", r"stages.stage1.tunes.*at least 1"),
        ("stage1.batch_size=24", r"stages.stage1.*24 is no multiple of a micro_batch_size of 16"),
        ("stage1.packing=tight", r"stages.stage1.packing.*got 'tight'"),
        ("stage1.learning_rate=-1", r"stages.stage1.learning_rate.*greater than 0"),
        ("stage1.context_length=many", r"stages.stage1.context_length.*got 'many'"),
        ("stage1.mixture=porridge", "no mixture 'porridge'"),
        ("stage2.start=stage7", "starts from 'stage7'"),
        ("stage1.speed=3", "no setting 'stages.stage1.speed'"),
    ],
)
def test_a_setting_that_cannot_be_stops_before_any_work(tmp_path, setting, message):
    with pytest.raises(ConfigError, match=message):
        invoke("train", "all", "--run-dir", tmp_path / "run", "--set", f"stages.{setting}")
    assert not (tmp_path / "run").exists()


def test_the_paper_is_planned_on_eight_gpus():
    plans = json.loads(invoke("plan", "--preset", "paper", "--gpus", "8", "--memory", "40", "--json"))
    assert list(plans) == ["rewriter", "stage1", "stage2", "stage3", "raw"]
    assert all(plan["fits"] and plan["steps"] > 2000 and 5 < plan["hours"] < 15 for plan in plans.values())
    assert "stage2" in invoke("plan", "stage2", "--preset", "small", "--samples", "6000", "--memory", "16")


def test_packing_is_compared_on_ones_own_chats(tiny, tmp_path):
    arguments = [
        "windows",
        "stage1",
        "--data",
        chats(tiny, tmp_path),
        "--images",
        tiny.folder.parent,
        "--base",
        tiny.folder,
    ]
    arguments += ["--context", 256, "--context", 400, "--set", "stages.stage1.batch_size=2"]
    figures = json.loads(invoke(*arguments, "--json", "--steps", 1, "--html", tmp_path / "windows.html"))
    assert list(figures) == ["256", "400"] and list(figures["256"]) == ["none", "random_fill", "best_fit"]
    for cells in figures.values():
        assert cells["none"]["fill"] < cells["best_fit"]["fill"] and cells["best_fit"]["cut_responses"] == 0
        assert all(cell["supervised_tokens_a_second"] > 0 for cell in cells.values())
    page = (tmp_path / "windows.html").read_text()
    assert page.count("<figure") == 6 and page.count("<tr>") == 7 and "supervised tokens a second" in page
    printed = invoke(*arguments).splitlines()
    assert len(printed) == 7 and "second" not in printed[0]
    with pytest.raises(ConfigError, match=r"no stage 'all'.*stage3"):
        invoke("windows", "all")
