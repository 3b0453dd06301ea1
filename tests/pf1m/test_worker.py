"""What a PF-1M worker loads: the rewriter, as the preset says."""

import pytest

from flamingo_lib.pf1m.worker import MakeRewriting, MakeWork
from flamingo_lib.presets import load_preset
from flamingo_lib.rewriting.backends.flamingo import FlamingoRewriter


@pytest.mark.parametrize("setting", ["true", "false"])
def test_the_preset_says_whether_the_rewriter_is_made_fast(setting, monkeypatch):
    preset = load_preset("tiny", [f"model.optimize_for_cpu={setting}"])
    loaded = []

    def load(folder, *_, optimize, **__):
        loaded.append((folder, optimize))
        return lambda: None

    monkeypatch.setattr(FlamingoRewriter, "load", load)
    monkeypatch.setattr("flamingo_lib.pf1m.worker.ShardWork", lambda rewriter, chain: rewriter)
    work = MakeWork("rewriter", {}, preset, filtering=False)
    work()
    MakeRewriting(work)()
    assert loaded == [("rewriter", setting == "true")] * 2
