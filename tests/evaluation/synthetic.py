"""Stored predictions made by hand, for tests of tables and figures."""

from flamingo_lib.evaluation.predictions import Prediction


def predicted(model, number, *, pool="held_in", seed=0, response="The ring is red.", source="scenes", **scores):
    """One stored prediction; its id says its pool and number."""
    return Prediction(
        id=f"{pool}/{number:03d}",
        model=model,
        seed=seed,
        pool=pool,
        source=source,
        type="color",
        instruction="What color is the ring?",
        references=("red",),
        response=response,
        scores={name: float(value) for name, value in scores.items()},
    )


def answers(model, rewards, **options):
    """Predictions of one model with these rewards, numbered from 0."""
    return [predicted(model, number, reward=reward, **options) for number, reward in enumerate(rewards)]
