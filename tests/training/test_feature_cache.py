"""The feature cache: content keys, several processes, a writer killed half-way, another tower."""

import errno
import multiprocessing
import os

import numpy as np
import pytest
import torch
from torch import nn

from flamingo_lib.errors import CheckpointError, DataError, StorageError
from flamingo_lib.training.feature_cache import KEY_BYTES, FeatureCache, weights_fingerprint

SHAPE = (3, 4)


def images(folder, count):
    folder.mkdir(exist_ok=True)
    paths = []
    for index in range(count):
        paths.append(folder / f"{index}.png")
        paths[-1].write_bytes(bytes([index]) * (index + 1))
    return paths


def encode(paths):
    """Features that depend on the content alone: the file's length and first byte."""
    return np.stack([np.full(SHAPE, len(path.read_bytes()) * 1000 + path.read_bytes()[0]) for path in paths])


def fill_in_a_process(folder, paths, rank):
    FeatureCache(folder, tower="t", shape=SHAPE).fill(paths, encode, batch_size=3, rank=rank, processes=1)


def test_features_are_computed_once_and_follow_the_content(tmp_path):
    paths = images(tmp_path / "images", 7)
    cache = FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE)
    assert cache.fill([*paths, paths[0]], encode, batch_size=3) == 7
    assert cache.fill(paths, encode) == 0
    again = FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE)
    renamed = paths[2].rename(tmp_path / "images/other.png")
    assert again.fill([renamed], encode) == 0
    paths[3].write_bytes(b"changed")
    assert again.fill([paths[3]], encode) == 1
    wanted = [paths[5], renamed, paths[3]]
    assert np.array_equal(again.get([again.key(path) for path in wanted]), encode(wanted))
    assert again.get([]).shape == (0, *SHAPE)


def test_every_batch_has_the_same_size(tmp_path):
    sizes = []

    def counting(paths):
        sizes.append(len(paths))
        return encode(paths)

    FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE).fill(
        images(tmp_path / "images", 7), counting, batch_size=3
    )
    assert sizes == [3, 3, 3]


def test_processes_filling_at_once_agree(tmp_path):
    paths = images(tmp_path / "images", 30)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=fill_in_a_process, args=(tmp_path / "cache", paths, 0)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    cache = FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE)
    assert len(cache) == 30
    assert np.array_equal(cache.get([cache.key(path) for path in paths]), encode(paths))


def test_what_a_killed_writer_left_is_written_over(tmp_path):
    paths = images(tmp_path / "images", 5)
    cache = FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE)
    cache.fill(paths[:2], encode)
    with open(tmp_path / "cache/t/rows.bin", "ab") as file:
        file.write(b"half a row")
    with open(tmp_path / "cache/t/keys.bin", "ab") as file:
        file.write(b"k" * (KEY_BYTES - 3))
    later = FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE)
    assert len(later) == 2
    assert later.fill(paths, encode) == 3
    assert np.array_equal(cache.get([cache.key(path) for path in paths]), encode(paths))


def test_wrong_use_is_told(tmp_path):
    FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE)
    with pytest.raises(CheckpointError, match="another shape"):
        FeatureCache(tmp_path / "cache", tower="t", shape=(3, 5))
    cache = FeatureCache(tmp_path / "cache", tower="u", shape=SHAPE)
    with pytest.raises(ValueError, match="shape"):
        cache.add([b"k" * KEY_BYTES], np.zeros((1, 2)))
    with pytest.raises(DataError, match=r"gone\.png"):
        cache.key(tmp_path / "gone.png")


def test_the_fingerprint_follows_weights_and_details():
    torch.manual_seed(0)
    tower = nn.Linear(3, 2)
    before = weights_fingerprint([tower], {"size": 72})
    assert before == weights_fingerprint([tower], {"size": 72}) != weights_fingerprint([tower], {"size": 224})
    with torch.no_grad():
        tower.bias[0] += 1e-6
    assert before != weights_fingerprint([tower], {"size": 72})


def test_a_folder_that_cannot_be_written_is_a_clear_error(read_only_folder):
    with pytest.raises(StorageError, match="could not write.*lock"):
        FeatureCache(read_only_folder / "cache", tower="t", shape=SHAPE)


def test_a_full_disk_is_a_clear_error_and_what_is_stored_stays(tmp_path, monkeypatch):
    paths = images(tmp_path / "images", 4)
    cache = FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE)
    cache.fill(paths[:2], encode)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(StorageError, match="No space left.*rows.bin"):
        patch.setattr("flamingo_lib.training.feature_cache.os.fsync", full)
        cache.fill(paths, encode)
    again = FeatureCache(tmp_path / "cache", tower="t", shape=SHAPE)
    assert len(again) == 2 and again.fill(paths, encode) == 2
