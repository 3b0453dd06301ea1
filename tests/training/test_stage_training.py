"""Training itself: the loss against a slow independent computation, hard kills, and two processes."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.optim.optimizer import register_optimizer_step_pre_hook

from flamingo_lib.errors import CheckpointError, ConfigError, FlamingoError, StorageError
from flamingo_lib.rewriting.lock import only_job
from flamingo_lib.training.packing.dataset import WindowDataset
from flamingo_lib.training.trainer import ABOUT, WEIGHTS, checkpoints, training_arguments
from tests.training import tiny_stage

PROGRAM = Path(tiny_stage.__file__)

PATIENCE = 600
"""Seconds after which a process counts as hung, many times what it needs on a slow machine."""


def slow_loss(model, rows):
    """Mean over all responses' tokens of -log p(token | everything before it), one forward pass for each token."""
    losses = []
    for row in rows:
        latents = torch.from_numpy(tiny_stage.fetch(row.images))[None] if row.images else None
        for position in np.flatnonzero(row.labelled):
            output = model(
                input_ids=torch.from_numpy(row.ids[:position].astype(np.int64))[None],
                vision_tokens=latents,
                attended_image=torch.from_numpy(row.attended[:position])[None] if row.images else None,
                use_cache=False,
            )
            probabilities = output.logits[0, -1].double().exp()
            losses.append(-torch.log(probabilities[int(row.ids[position])] / probabilities.sum()))
    return torch.stack(losses).mean()


def test_loss_and_gradients_equal_a_slow_computation(tmp_path):
    seen = {}
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, *_: seen.update(
            {id(weight): weight.grad.clone() for group in optimizer.param_groups for weight in group["params"]}
        )
    )
    stage = tiny_stage.STAGE.model_copy(update={"max_steps": 1, "max_grad_norm": 1e9})
    try:
        trained, result = tiny_stage.train(tmp_path / "work", dropout=0.0, stage=stage, save_every=None)
    finally:
        hook.remove()
    model = tiny_stage.tiny_model(0.0)
    dataset = WindowDataset(tiny_stage.tiny_table(), stage, seed=3)
    rows = [dataset[index] for index in range(stage.batch_size)]
    assert any(len(set(row.turn.tolist())) > 2 for row in rows) and len({len(row) for row in rows}) > 1
    loss = slow_loss(model, rows)
    loss.backward()
    assert result.curve[0][1] == pytest.approx(loss.item(), abs=2e-6)
    wanted = {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}
    got = {name: seen[id(weight)] for name, weight in trained.named_parameters() if weight.requires_grad}
    assert len(wanted) == len(got) == len(seen) > 10
    for name, grad in wanted.items():
        assert torch.allclose(got[name], grad, atol=1e-6), name
        assert grad.abs().max() > 1e-6, name
    assert result.supervised_tokens == sum(int(row.labelled.sum()) for row in rows)


def in_a_process(work, name, kill_at):
    """Train in a forked process; its exit code."""

    def body():
        torch.set_num_threads(1)
        model, result = tiny_stage.train(work, kill_at=kill_at)
        tiny_stage.write(work.parent, name, model, result)

    process = multiprocessing.get_context("fork").Process(target=body)
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        pytest.fail(f"the training had not ended after {PATIENCE} seconds")
    return process.exitcode


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert in_a_process(folder / "work", "whole", -1) == 0
    return load_file(folder / "whole.safetensors")


def test_a_run_killed_at_random_moments_ends_with_the_same_bits(whole, tmp_path):
    for window in sorted(Random(0).sample(range(8 * tiny_stage.STAGE.max_steps), 5)):
        assert in_a_process(tmp_path / "work", "resumed", window) == -signal.SIGKILL
    assert in_a_process(tmp_path / "work", "resumed", -1) == 0
    resumed = load_file(tmp_path / "resumed.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_run_killed_twice_ends_with_the_same_bits(whole, tmp_path):
    assert in_a_process(tmp_path / "work", "resumed", 8 * 3 + 5) == -signal.SIGKILL
    assert [path.name for path in checkpoints(tmp_path / "work")] == ["checkpoint-2"]
    (tmp_path / "work/.partial/checkpoint-4").mkdir(parents=True)  # as a kill in the middle of saving leaves it
    assert in_a_process(tmp_path / "work", "resumed", 8 * 8 + 1) == -signal.SIGKILL
    assert [path.name for path in checkpoints(tmp_path / "work")] == ["checkpoint-4", "checkpoint-6"]
    assert in_a_process(tmp_path / "work", "resumed", -1) == 0
    resumed = load_file(tmp_path / "resumed.safetensors")
    fresh = tiny_stage.tiny_model().state_dict()
    assert set(whole) == set(resumed)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    changed = {name for name in whole if not torch.equal(whole[name], fresh[name])}
    assert {name for name in changed if "perceiver" not in name and "gated_cross" not in name} == {
        n for n in whole if "q_proj" in n
    }
    assert json.loads((tmp_path / "resumed.json").read_text())["resumed_from"] == 6
    assert not (tmp_path / "work").exists()


def refused(work, *words, **changed):
    """Training in `work` is refused with these words, and leaves its checkpoints as they are."""
    before = [path.name for path in checkpoints(work)]
    with pytest.raises(ConfigError) as error:
        tiny_stage.train(work, **changed)
    for word in (*words, "checkpoint-4", f"remove {work}"):
        assert word in str(error.value), error.value
    assert before and [path.name for path in checkpoints(work)] == before


def test_checkpoints_of_another_training_are_refused_by_name(tmp_path, monkeypatch):
    work = tmp_path / "work"
    assert in_a_process(work, "x", 8 * 5) == -signal.SIGKILL
    base, table = tiny_stage.tiny_model, tiny_stage.tiny_table
    with monkeypatch.context() as patch:
        patch.setattr(tiny_stage, "tiny_model", lambda dropout: with_another_embedding(base(dropout)))
        refused(work, "start differs")
    with monkeypatch.context() as patch:
        patch.setattr(
            tiny_stage,
            "tiny_table",
            lambda: replace(table(), images=tuple(("1.png",) * len(files) for files in table().images)),
        )
        refused(work, "data differs")
    refused(work, "model differs", dropout=0.2)
    refused(
        work,
        "stage.learning_rate differs from what this job was begun with: now 0.002, then 0.01",
        stage=tiny_stage.STAGE.model_copy(update={"learning_rate": 2e-3}),
    )
    (work / "checkpoint-4" / ABOUT).unlink()
    refused(work, "doesn't say what it was trained from")


def test_a_checkpoint_put_there_by_another_training_is_refused(tmp_path):
    for name, rate in (("one", 1e-2), ("two", 2e-2)):
        stage = tiny_stage.STAGE.model_copy(update={"learning_rate": rate, "max_steps": 4})
        tiny_stage.train(tmp_path / name, stage=stage, keep_checkpoints=True)
    shutil.rmtree(tmp_path / "two" / "checkpoint-4")
    shutil.move(tmp_path / "one" / "checkpoint-4", tmp_path / "two")
    refused(tmp_path / "two", "stage.learning_rate", stage=stage)


def test_a_second_training_in_the_same_folder_is_refused(tmp_path):
    with only_job(tmp_path / "work"), pytest.raises(FlamingoError, match=f"another job.*process {os.getpid()} on"):
        tiny_stage.train(tmp_path / "work")
    assert tiny_stage.train(tmp_path / "work")[1].resumed_from == 0


def test_tokens_are_counted_over_a_resume_and_not_twice(tmp_path):
    assert in_a_process(tmp_path / "work", "resumed", 8 * 5 + 3) == -signal.SIGKILL
    _, resumed = tiny_stage.train(tmp_path / "work")
    _, whole = tiny_stage.train(tmp_path / "other")
    dataset = WindowDataset(tiny_stage.tiny_table(), tiny_stage.STAGE, seed=3)
    rows = [dataset[index] for index in range(8 * tiny_stage.STAGE.max_steps)]
    assert resumed.resumed_from == 4 and whole.tokens == sum(len(row) for row in rows)
    assert (resumed.tokens, resumed.supervised_tokens) == (whole.tokens, whole.supervised_tokens)


def test_a_model_that_cannot_be_saved_costs_no_training(tmp_path):
    def full(result):
        raise FlamingoError("the disk is full")

    with pytest.raises(FlamingoError, match="disk is full"):
        tiny_stage.train(tmp_path / "work", finish=full)
    assert checkpoints(tmp_path / "work")[-1].name == "checkpoint-10"
    saved = []
    _, result = tiny_stage.train(tmp_path / "work", finish=saved.append)
    assert saved == [result] and result.resumed_from == result.steps == 10 and result.loss > 0
    assert result.tokens > 0 and not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        RuntimeError("PytorchStreamWriter failed writing file: No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
    ids=["oserror", "torch", "safetensors"],
)
def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch, error):
    from flamingo_lib.training import trainer

    write = trainer.save_file
    with monkeypatch.context() as patch:

        def fill(weights, path, **options):
            if "checkpoint-6" in str(path):
                raise error
            write(weights, path, **options)

        patch.setattr(trainer, "save_file", fill)
        with pytest.raises(StorageError, match=r"disk is full; the checkpoint of step 6.*goes on"):
            tiny_stage.train(tmp_path / "work")
    assert [path.name for path in checkpoints(tmp_path / "work")] == ["checkpoint-2", "checkpoint-4"]
    assert not (tmp_path / "work" / ".partial").exists()
    assert tiny_stage.train(tmp_path / "work")[1].resumed_from == 4


def test_an_error_that_is_no_full_disk_is_not_called_one(tmp_path, monkeypatch):
    monkeypatch.setattr("flamingo_lib.training.trainer.save_file", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tiny_stage.train(tmp_path / "work")


def test_a_checkpoint_that_was_damaged_is_named(tmp_path):
    tiny_stage.train(tmp_path / "work", keep_checkpoints=True)
    file = tmp_path / "work" / "checkpoint-10" / WEIGHTS
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=f"cannot be read.*{file}.*Remove {file.parent}"):
        tiny_stage.train(tmp_path / "work")


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path, request):
    tiny_stage.train(tmp_path / "work")  # imports what the user of the next line may not be able to read
    read_only_folder = request.getfixturevalue("read_only_folder")
    with pytest.raises(StorageError, match="could not write.*Check the permissions"):
        tiny_stage.train(read_only_folder / "work")


def test_what_others_put_into_the_folder_stays(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "notes.txt").write_text("mine")
    tiny_stage.train(tmp_path / "work", stage=tiny_stage.STAGE.model_copy(update={"max_steps": 2}))
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["notes.txt"]


def with_another_embedding(model):
    with torch.no_grad():
        model.get_input_embeddings().weight[9].neg_()  # frozen, so no checkpoint holds it
    return model


def test_two_processes_follow_the_curve_of_one(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(PROGRAM.parents[2]), "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(PROGRAM), str(tmp_path), "ddp", "fsdp"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    model, result = tiny_stage.train(tmp_path / "work", dropout=0.0)
    for way in ("ddp", "fsdp"):
        other = json.loads((tmp_path / f"{way}.json").read_text())
        assert np.allclose(np.array(other["curve"]), np.array(result.curve), atol=1e-4), way
        weights = load_file(tmp_path / f"{way}.safetensors")
        assert all(torch.allclose(weights[name], value, atol=1e-4) for name, value in model.state_dict().items()), way


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(
        tiny_stage, "fetch", lambda files: np.full((len(files), 4, tiny_stage.WIDTH), np.nan, np.float32)
    )
    with pytest.raises(FlamingoError, match=r"the loss is nan at step 1"):
        tiny_stage.train(tmp_path / "work")


def test_settings_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="can't be divided"):
        training_arguments(
            tiny_stage.STAGE.model_copy(update={"batch_size": 9}), tmp_path, steps=1, seed=0, save_every=None
        )


def test_a_checkpoint_of_other_weights_is_refused(tmp_path):
    model, _ = tiny_stage.train(tmp_path / "work", stage=tiny_stage.STAGE.model_copy(update={"max_steps": 1}))
    from flamingo_lib.training.trainer import StageTrainer

    arguments = training_arguments(tiny_stage.STAGE, tmp_path / "t", steps=1, seed=0, save_every=None, cpu=True)
    trainer = StageTrainer(label="x", model=model, args=arguments, train_dataset=[])
    trainer._save(str(tmp_path / "t"))
    assert set(load_file(tmp_path / "t" / WEIGHTS)) == {
        name for name, weight in model.named_parameters() if weight.requires_grad
    }
    model.perceiver.requires_grad_(False)
    with pytest.raises(CheckpointError, match="train other weights"):
        trainer._load_from_checkpoint(str(tmp_path / "t"))
