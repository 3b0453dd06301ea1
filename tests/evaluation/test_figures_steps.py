"""Values at the ends of stages over optimizer steps: where stages stand, and what is drawn."""

from flamingo_lib.evaluation.bootstrap import Interval
from flamingo_lib.evaluation.figures import to_png
from flamingo_lib.evaluation.figures_steps import stage_spans, steps_plot


def training(start, steps):
    return {"stage": {"start": start}, "steps": steps, "curve": [[10, 2.0], [steps, 0.5]]}


TRAININGS = {
    "stage1": training("base", 600),
    "stage2": training("stage1", 900),
    "stage3": training("stage2", 80),
    "raw": training("stage1", 900),
}


def test_a_stage_begins_where_the_one_it_starts_from_ended():
    spans = stage_spans(TRAININGS)
    assert {name: (span.begin, span.end) for name, span in spans.items()} == {
        "stage1": (0, 600),
        "stage2": (600, 1500),
        "stage3": (1500, 1580),
        "raw": (600, 1500),
    }


def test_points_stand_at_the_ends_of_stages_and_the_raw_arm_is_hollow():
    shares = {"base": 0.7, "stage1": 0.8, "stage2": 0.85, "stage3": 0.82, "raw": 0.7}
    values = {name: Interval(value, value - 0.02, value + 0.02, 240) for name, value in shares.items()}
    panels = {"accuracy": {"held-in": values}, "mean reward": {"reward": values}}
    figure = steps_plot(stage_spans(TRAININGS), panels, guess={"accuracy": {"held-in": 0.4}})
    accuracy, reward, loss = figure.axes
    drawn = [container[0] for container in accuracy.containers]
    assert [list(line.get_xdata()) for line in drawn] == [[0, 600, 1500, 1580], [1500]]
    assert [line.get_markerfacecolor() for line in drawn] == [drawn[0].get_color(), "white"]
    assert any(line.get_linestyle() == ":" and set(line.get_ydata()) == {0.4} for line in accuracy.get_lines())
    assert len(loss.get_lines()) == len(TRAININGS) and loss.get_lines()[-1].get_linestyle() == "--"
    assert [text.get_text() for text in accuracy.texts] == ["stage1", "stage2", "stage3"] and not reward.texts
    assert to_png(figure).startswith(b"\x89PNG")
