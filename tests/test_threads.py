"""The number of threads is a setting: it decides the bits of sums, whatever the environment says."""

from __future__ import annotations

import os

import pytest
import torch

from flamingo_lib.threads import computing_threads, cores


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("outside", [1, 3])
def test_threads_are_set_inside_and_as_before_afterwards(outside):
    torch.set_num_threads(outside)
    with computing_threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == outside
    with pytest.raises(ZeroDivisionError), computing_threads(2):
        raise ZeroDivisionError
    assert torch.get_num_threads() == outside


def test_without_a_number_they_are_left_as_they_are():
    torch.set_num_threads(3)
    with computing_threads(None):
        assert torch.get_num_threads() == 3
        torch.set_num_threads(1)
    assert torch.get_num_threads() == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no sets of CPUs")
def test_cores_are_those_that_this_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert cores() == len(before)
