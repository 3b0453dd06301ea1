"""Graded preference pairs for the tiny reward judge, drawn from Scenes: two responses to one instruction.

Grades follow from how a response was made (`reward_grades`). Neighbouring grades meet most often, and the longer
response is the better one as often as not, so that length tells nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ..scenes.graph import draw_scene
from ..scenes.language import helpful, polite
from ..scenes.phrases import CLOSERS, OFFERS, OPENERS, TEXT_CLOSERS, TEXT_OPENERS
from ..scenes.questions import ask, possible_types
from ..seeding import derive_seed, generator
from .reward_exchanges import box_line, draw_exchange
from .reward_falsehoods import swap_subject
from .reward_faults import BROKEN_KINDS, break_text
from .reward_grades import BROKEN, CURT, HELPFUL, PLAIN, REWARD_PER_GRADE, Exchange, grade_name, polite_grade

TIERS = ("broken", "low", "plain", "wrapped", "supported", "helpful")
"""What pairs are drawn from, worst first; ``low`` is curt or false."""

NEIGHBOUR_SHARE, TIE_SHARE, OWN_SHARE = 0.65, 0.1, 0.5
CANDIDATES = 6
"""Drawn for each side of a pair; those that meet the wish for the longer one are chosen."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response to an exchange, with its grade, 0 to 4.

    `kind` is a key of `reward_faults.BROKEN_KINDS`, ``curt``, ``false``, ``off topic``, or a name of
    `reward_grades.grade_name`.
    """

    text: str
    kind: str
    grade: float


@dataclass(frozen=True, slots=True)
class RewardExample:
    """A pair of responses to `instruction`, `better` of a higher (or, in a tie, the same) grade than `worse`.

    Attributes:
        kind, better_kind: of the worse and the better response, see `Response`.
        task: what was asked.
        grade, better_grade: of the worse and the better response.
    """

    instruction: str
    better: str
    worse: str
    kind: str
    task: str
    better_kind: str = "helpful"
    grade: float = CURT
    better_grade: float = HELPFUL

    @property
    def preference(self) -> float:
        """The share of raters, 0.5 to 1, that prefer the better response."""
        return 1 / (1 + math.exp(-REWARD_PER_GRADE * (self.better_grade - self.grade)))


def reward_example(seed: int, split: str, index: int) -> RewardExample:
    """Pair `index` of a split (``"train"`` or ``"test"``); splits share no scene and no draw."""
    attempt = 0
    while (example := _draw(seed, split, index, attempt)) is None:
        attempt += 1
    return example


def reward_examples(seed: int, split: str, count: int) -> list[RewardExample]:
    """The first `count` pairs of a split."""
    return [reward_example(seed, split, index) for index in range(count)]


STYLES = ("raw annotation", "rewrite", "dialogue")
"""The three kinds of text that figure 6 of the paper compares."""


def style_examples(seed: int, count: int) -> dict[str, list[tuple[str, str]]]:
    """Instruction and response of `count` unseen questions in each of `STYLES`.

    A raw annotation is the bare answer, a rewrite a polite sentence that seldom adds a fact, a dialogue the helpful
    answer that LLaVA's stand-in gives.
    """
    rows: dict[str, list[tuple[str, str]]] = {style: [] for style in STYLES}
    for index in range(count):
        random = generator(seed, "judges", "reward styles", index)
        scene = draw_scene(
            derive_seed(seed, "judges", "reward styles", index), "judges", held_out=random.random() < 0.3
        )
        question = ask(scene, random, random.choice(possible_types(scene)))
        texts = (question.answer, polite(random, scene, question, detail=0.15), helpful(random, scene, question))
        for style, text in zip(STYLES, texts, strict=True):
            rows[style].append((question.text, text))
    return rows


def _draw(seed: int, split: str, index: int, attempt: int) -> RewardExample | None:
    key = ("judges", "reward", split, index, attempt)
    random = generator(seed, *key)
    exchange = draw_exchange(random, derive_seed(seed, *key))
    other = draw_exchange(random, derive_seed(seed, *key, "other"))
    tiers = _two_tiers(random)
    drawn: list[list[Response]] = [[], []]
    own = random.random() < OWN_SHARE
    for _ in range(CANDIDATES):
        good = respond(random, exchange, other, tiers[1])
        base = good.text if own and good is not None and tiers[0] in ("broken", "low") and tiers[1] in TIERS[2:] else ""
        bad = respond(random, exchange, other, tiers[0], base)
        for side, response in zip(drawn, (bad, good), strict=True):
            if response is not None and response.text.strip():
                side.append(response)
    tie = tiers[0] == tiers[1]
    pairs = [
        (low, high)
        for low in drawn[0]
        for high in drawn[1]
        if low.text.strip() != high.text.strip() and (low.grade == high.grade if tie else low.grade < high.grade)
    ]
    if not pairs:
        return None
    low, high = _by_length(random, pairs)
    return RewardExample(
        exchange.instruction, high.text, low.text, low.kind, exchange.task, high.kind, low.grade, high.grade
    )


def _two_tiers(random: Random) -> tuple[str, str]:
    """The tiers of a pair, the worse one first: mostly neighbours, at times the same."""
    first = random.randrange(len(TIERS))
    if random.random() < TIE_SHARE:
        return TIERS[first], TIERS[first]
    if random.random() < NEIGHBOUR_SHARE:
        second = first + 1 if first == 0 or (first + 1 < len(TIERS) and random.random() < 0.5) else first - 1
    else:
        second = random.choice([index for index in range(len(TIERS)) if index != first])
    return TIERS[min(first, second)], TIERS[max(first, second)]


def _by_length(random: Random, pairs: list[tuple[Response, Response]]) -> tuple[Response, Response]:
    """A pair whose better response is the longer one, or the shorter one, by the toss of a coin, if there is one.

    A fact or a phrase adds words, so among polite responses the shorter one is asked for more often.
    """
    sign = random.choice((-1, -1, 1) if pairs[0][0].grade >= PLAIN else (-1, 1))

    def gap(pair: tuple[Response, Response]) -> int:
        return sign * (len(pair[1].text.split()) - len(pair[0].text.split()))

    fitting = [pair for pair in pairs if gap(pair) > 0]
    return random.choice(fitting) if fitting else max(pairs, key=gap)


def respond(random: Random, exchange: Exchange, other: Exchange, tier: str, base: str = "") -> Response | None:
    """A response of `tier` to `exchange`; None if this draw gave none.

    Args:
        random: draws the words.
        exchange: what is answered.
        other: an exchange about something else, for responses off topic and mixed-up ones.
        tier: one of `TIERS`.
        base: the polite response that is broken or falsified; ``""`` draws one.
    """
    if tier == "broken":
        return _broken(random, exchange, other, base)
    if tier == "low":
        if random.random() < 0.45:
            return Response(exchange.curt(random), "curt", CURT)
        return _false(random, exchange, other, base)
    if tier in ("plain", "wrapped"):
        text = exchange.plain(random)
        if tier == "wrapped":
            text = _wrap(random, exchange, text, *random.choice(((True, False), (False, True), (True, True))))
        return Response(text, tier, polite_grade(text, supported=False))
    draw: Callable[[Random], str] = exchange.rich if tier == "helpful" and random.random() < 0.6 else exchange.supported
    text = draw(random)
    if not text:
        return None
    if draw is exchange.supported:
        ways = ((True, True),) if tier == "helpful" else ((False, False), (False, False), (True, False), (False, True))
        text = _wrap(random, exchange, text, *random.choice(ways), offer=tier == "helpful" or random.random() < 0.4)
    grade = polite_grade(text, supported=True if exchange.task in ("reasoning", "description") else None)
    return Response(text, grade_name(grade), grade)


def _wrap(random: Random, exchange: Exchange, text: str, opener: bool, closing: bool, *, offer: bool = False) -> str:
    """`text` with an opener and a closing (an offer of help with `offer`) as far as asked for."""
    openers = OPENERS if exchange.image else TEXT_OPENERS
    closings = CLOSERS if exchange.image else TEXT_CLOSERS
    if offer:
        closings = tuple(text for text in OFFERS if text in closings)
    return " ".join([*[random.choice(openers)] * opener, text, *[random.choice(closings)] * closing])


def _false(random: Random, exchange: Exchange, other: Exchange, base: str) -> Response | None:
    """A fluent response that is false by its own words, wrapped like any other; at times `base` on another subject."""
    if base and random.random() < 0.35 and (text := swap_subject(random, exchange.instruction, base)):
        return Response(text, "false", CURT)
    kind = "false" if random.random() < 0.7 else "off topic"
    text = exchange.false(random) if kind == "false" else ""
    if not text:
        if other.instruction == exchange.instruction or other.task == exchange.task in (
            "description",
            "change",
            "object",
        ):
            return None
        kind, text = "off topic", random.choice((other.plain, other.supported))(random)
    if not text:
        return None
    text = _wrap(random, exchange, text, random.random() < 0.5, random.random() < 0.5, offer=random.random() < 0.5)
    return Response(text, kind, CURT)


def _broken(random: Random, exchange: Exchange, other: Exchange, base: str) -> Response | None:
    """A response that is broken in one way."""
    kind = random.choices(list(BROKEN_KINDS), list(BROKEN_KINDS.values()))[0]
    if not base:
        good = respond(random, exchange, other, random.choice(TIERS[2:]))
        if good is None:
            return None
        base = good.text
    boxes = [box_line(item.box()) for item in draw_scene(random.getrandbits(32), "judges").objects]
    text = break_text(random, kind, base, exchange.curt(random), other.plain(random), boxes)
    return Response(text, kind, BROKEN) if text.strip() not in (base.strip(), "") else None
