"""Static first frame: a widget that also shows as plain HTML, where no kernel is at hand to run it."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from ..html import Markup, standalone


class StaticFrame(widgets.VBox):
    """A widget with a `view`, whose `to_html` is shown in it, and in the notebook's file beside the widget itself.

    Every control is reached with the Tab key.
    """

    def __init__(self, controls: list[widgets.Widget]) -> None:
        self.view = widgets.HTML()
        for control in controls:
            control.observe(lambda _: self.refresh(), names="value")
        row = widgets.HBox(controls, layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([row, self.view])
        self.refresh()

    def to_html(self) -> Markup:
        """What the controls' values show."""
        raise TypeError(f"{type(self).__name__} draws nothing")

    def refresh(self) -> None:
        """Draw the view again."""
        self.view.value = standalone(self.to_html())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        return bundle | {"text/html": str(standalone(self.to_html()))} if isinstance(bundle, dict) else bundle
