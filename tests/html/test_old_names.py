"""Old names of functions that write HTML still work and say the new one."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("chat.token_view", "to_html", "token_view"),
        ("distortion.page", "to_html", "pairs_page"),
        ("evaluation.report", "picture", "plot"),
        ("pipeline.record_html", "record_page", "record_view"),
        ("sources.sheet", "to_html", "sample_sheet"),
        ("training.packing.plot", "to_html", "window_chart"),
    ],
)
def test_an_old_name_is_the_new_function(module, old, new):
    holder = import_module(f"flamingo_lib.{module}")
    with pytest.warns(DeprecationWarning, match=new):
        assert getattr(holder, old) is getattr(holder, new)
