"""Ask the scene: one question about a drawn scene, the answers of several models, the truth, and the reward of each.

`asked_view` shows one question; `AskTheScene` has controls for it. Models are loaded at their first question.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from ..errors import DataError, FlamingoError
from ..html import Markup, badge, card, message, picture, standalone, table
from ..scenes.graph import Scene, draw_scene
from ..scenes.ground_truth import answer_correct, check
from ..scenes.questions import Question, answer_question, ask, parse_question
from ..scenes.render import render
from ..seeding import generator
from .static_frame import StaticFrame

if TYPE_CHECKING:
    from ..serving.session import ChatSession

Model = Callable[[Scene, str], str]
"""Answers a question about a scene."""

Reward = Callable[[Sequence[str], Sequence[str]], Sequence[float]]
"""Instructions and responses to rewards (n,)."""

SIDE = 190
"""Pixels of the picture that the reader sees."""


class SceneModel:
    """A model that answers questions about scenes, greedily; its weights are read at the first question.

    Args:
        folder: the model, or the name of a shipped checkpoint.
        prompt: for a base that was never taught to chat: a name in `few_shot.FORMATS`, asked without examples. Its
            answer ends with the line.
        command: what makes the model, for the message if it is not there.
    """

    def __init__(self, folder: str | os.PathLike, *, prompt: str = "", command: str = "make pipeline") -> None:
        self.folder, self.prompt, self.command = folder, prompt, command
        self._session: ChatSession | None = None

    def __call__(self, scene: Scene, question: str) -> str:
        """The answer.

        Raises:
            FlamingoError: the model is not there (the message names the command that makes it), or is damaged.
        """
        session = self._session = self._session or self._load()
        if self.prompt:
            return self._complete(session, scene, question)
        session.reset()
        return session.ask(question, [render(scene)])

    def _complete(self, session: ChatSession, scene: Scene, question: str) -> str:
        from ..evaluation.few_shot import FORMATS

        text = FORMATS[self.prompt].prompt(question, 1)
        inputs = session.processor(text=[text], images=[[render(scene)]])
        written = session.model.generate(**inputs, max_new_tokens=24)[0, inputs["input_ids"].shape[1] :]
        (answer,) = session.processor.responses([written.tolist()])
        return answer.strip().split("\n")[0]

    def _load(self) -> ChatSession:
        from ..serving.session import ChatSession
        from ..training.stages import load_base

        if isinstance(self.folder, Path) and not self.folder.is_dir():
            raise FlamingoError("this model is not trained yet", remedy=f"Run {self.command}.")
        model, processor = load_base(self.folder)
        return ChatSession(model, processor, max_new_tokens=96)


def asked_view(
    scene: Scene, question: str, answers: Mapping[str, str | FlamingoError], reward: Reward | None = None
) -> Markup:
    """A scene, the true answer to a question about it, and each model's answer with its verdict and reward.

    Args:
        scene: what is shown.
        question: as typed; in no wording of the Scenes world, only the answers' claims are held against the scene.
        answers: of each model by name, or why it gave none.
        reward: rates responses to instructions; left out if None.
    """
    parsed = _parsed(question)
    truth = answer_question(scene, parsed) if parsed else ""
    given = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
    rewards = dict(zip(given, _rewards(question, list(given.values()), reward), strict=False))
    rows: list[list[Any]] = []
    for name, answer in answers.items():
        if isinstance(answer, FlamingoError):
            rows.append([name, message(str(answer)), "", None])
            continue
        value = rewards.get(name)
        rows.append([name, answer, _verdict(scene, parsed, truth, answer), None if value is None else f"{value:+.2f}"])
    objects = ", ".join(f"{item.name(size=True)} at the {item.position}" for item in scene.objects)
    body = [message(_told(parsed, truth)), table(["model", "answer", "against the scene", "reward"], rows)]
    shown = picture(render(scene), alt=f"A scene: {objects}", side=SIDE)
    return card(question, *body, media=[shown], below=message(f"In the scene: {objects}."))


def _rewards(question: str, answers: list[str], reward: Reward | None) -> Sequence[float]:
    return reward([question] * len(answers), answers) if reward is not None and answers else ()


def _parsed(question: str) -> Question | None:
    try:
        return parse_question(question)
    except DataError:
        return None


def _told(parsed: Question | None, truth: str) -> str:
    if parsed is None:
        return "No wording that the checker reads (try “What color is the ring?”): only false claims can be told."
    if not truth:
        return "True answer: none; what is asked about is not in the scene, or several objects differ."
    return f"True answer: {truth}."


def _verdict(scene: Scene, parsed: Question | None, truth: str, answer: str) -> Markup | str:
    if truth and parsed is not None:
        return badge("right", "good") if answer_correct(parsed, answer, scene) else badge("not right", "bad")
    report = check(scene, answer, parsed)
    if not report.n_claims:
        return "no claim"
    return badge("true", "good") if report.ok else badge("false claim", "bad")


class AskTheScene(StaticFrame):
    """A scene to shuffle, a question to type (Enter asks it), and the models' answers side by side.

    Args:
        models: by the name shown; see `SceneModel`.
        reward: see `asked_view`.
        seed: of the scenes.
        question: asked first; by default one that is drawn for the first scene.
    """

    def __init__(
        self, models: Mapping[str, Model], reward: Reward | None = None, *, seed: int = 0, question: str = ""
    ) -> None:
        self.models, self.reward, self.seed, self.number = dict(models), reward, seed, 0
        self._answers: dict[tuple[Scene, str, str], str | FlamingoError] = {}
        self.unseen = widgets.Checkbox(description="with a held-out pair", value=False)
        self.question = widgets.Text(
            description="question",
            value=question or self.suggestion(),
            continuous_update=False,
            layout=widgets.Layout(width="36em"),
        )
        self.shuffle = widgets.Button(description="another scene", tooltip="draw a scene and a question for it")
        self.shuffle.on_click(lambda _: self.turn())
        self.unseen.observe(lambda _: self.turn(), names="value")
        super().__init__([self.question, self.shuffle, self.unseen])

    @property
    def scene(self) -> Scene:
        """The scene that is asked about."""
        return draw_scene(self.seed, f"ask/{self.number}", held_out=self.unseen.value)

    def suggestion(self) -> str:
        """A question that the scene answers."""
        return ask(self.scene, generator(self.seed, "ask", self.number)).text

    def turn(self) -> None:
        """Go to the next scene, with a question of its own."""
        self.number += 1
        words = self.suggestion()
        if words == self.question.value:
            self.refresh()
        self.question.value = words

    def to_html(self) -> Markup:
        """`asked_view` of the scene and the question; the models that have not been asked yet are asked now."""
        return self._view(self._ask())

    def refresh(self) -> None:
        """Draw the view again, after each answer."""
        self.view.value = standalone(self._view(self._ask(show=True)))

    def _ask(self, *, show: bool = False) -> dict[str, str | FlamingoError]:
        scene, question = self.scene, self.question.value.strip()
        answers: dict[str, str | FlamingoError] = {}
        for name, model in self.models.items():
            key = (scene, question, name)
            if question and key not in self._answers:
                if show:
                    self.view.value = standalone(self._view(answers), message(f"Asking {name} …"))
                self._answers[key] = _answer(model, scene, question)
            answers[name] = self._answers.get(key, FlamingoError("no question yet"))
        return answers

    def _view(self, answers: Mapping[str, str | FlamingoError]) -> Markup:
        question = self.question.value.strip()
        return asked_view(self.scene, question or "Type a question.", answers, self.reward if question else None)


def _answer(model: Model, scene: Scene, question: str) -> str | FlamingoError:
    try:
        return model(scene, question)
    except FlamingoError as error:
        return error
