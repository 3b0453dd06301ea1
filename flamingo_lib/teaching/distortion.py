"""Checks of notebook 02: a style command of one's own, realism by command, targets that say more, text noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from ..distortion.commands import STYLE_COMMANDS
from ..distortion.text_noise import ALPHABET
from ..records import Pair
from ..scenes.graph import Scene, draw_scene
from ..scenes.ground_truth import answer_kept, claim_holds, claims
from ..scenes.language import polite
from ..scenes.questions import Question, ask
from .outcome import call, exercise, number, require, shown

RESPONSES = 50


def _responses() -> list[tuple[Scene, Question, str]]:
    """Polite answers about scenes, with the questions they answer."""
    found = []
    for index in range(RESPONSES):
        random = Random(index)
        scene = draw_scene(2, f"exercise/{index}", count=3)
        question = ask(scene, random)
        found.append((scene, question, polite(random, scene, question)))
    return found


@exercise("02.1")
def ex_02_1(command: Callable[[str, Random], str]) -> str:
    """Style command of one's own: drafts differ from the target, and keep its answer.

    Args:
        command: from a polite response and a generator to a draft.
    """
    changed = 0
    for index, (_, question, target) in enumerate(_responses()):
        draft, again = (call(command, target, Random(index)) for _ in range(2))
        require(isinstance(draft, str), f"return a text, not {shown(draft)}")
        require(draft.strip(), f"nothing is left of {shown(target)}")
        require(
            draft == again, f"the same generator gives two drafts of {shown(target)}: draw from the one you are given"
        )
        changed += draft != target
        require(
            answer_kept(question, question.answer, draft),
            f"{question.text!r}: {shown(target)} says {question.answer!r}, the draft {shown(draft)} does not",
        )
    require(
        changed >= 0.9 * RESPONSES,
        f"only {changed} of {RESPONSES} drafts differ from their target: nothing is left to undo",
    )
    return (
        f"{changed} of {RESPONSES} drafts differ, and all keep the answer; the library has {len(STYLE_COMMANDS)} more."
    )


@exercise("02.2")
def ex_02_2(noise: Callable[[str, Random], str], operation: str) -> str:
    """Character noise: one edit of a word, built by hand.

    Args:
        noise: from a word and a generator to the word with one edit.
        operation: ``"swap"`` (two neighbours), ``"insert"``, ``"substitute"`` or ``"delete"``.
    """
    operations = ("swap", "insert", "substitute", "delete")
    require(operation in operations, f"the operation is one of {', '.join(operations)}, not {shown(operation)}")
    lengthened = {"swap": 0, "insert": 1, "substitute": 0, "delete": -1}[operation]
    places: set[int] = set()
    words = ("triangle", "purple", "left", "background")
    for seed in range(200):
        word = words[seed % len(words)]
        given = call(noise, word, Random(seed))
        require(isinstance(given, str), f"return a text, not {shown(given)}")
        grown = len(given) - len(word)
        require(
            grown == lengthened,
            f"{word!r} became {given!r}: {operation} changes the length by {lengthened}, not {grown}",
        )
        if operation == "swap":
            require(sorted(given) == sorted(word), f"{word!r} became {given!r}: a swap keeps the letters")
        first = next(
            (i for i, (a, b) in enumerate(zip(word, given, strict=False)) if a != b), min(len(word), len(given))
        )
        rest = {"swap": (2, 2), "insert": (0, 1), "substitute": (1, 1), "delete": (1, 0)}[operation]
        require(
            word[first + rest[0] :] == given[first + rest[1] :],
            f"{word!r} became {given!r}: that is more than one {operation}",
        )
        require(set(given) <= set(word) | set(ALPHABET), f"{word!r} became {given!r}: draw from letters and digits")
        places.add(first)
    require(len(places) > 3, f"every edit stands at one of {len(places)} positions: draw the position as well")
    return f"one {operation}, anywhere in the word, as in the library."


@exercise("02.3")
def ex_02_3(unchanged: Callable[[float], float]) -> str:
    """Share of texts that come out unchanged of three levels of noise, each drawn by itself.

    Args:
        unchanged: from the probability of a level to the share, 0 to 1, leaving edits without effect aside.
    """
    for probability in (0.5, 0.0, 1.0, 0.2):
        given, expected = number(call(unchanged, probability)), (1 - probability) ** 3
        require(
            abs(given - probability**3) > 1e-9 or abs(given - expected) < 1e-9,
            f"{given:.3g} is the share in which all three levels are drawn; unchanged is where none is",
        )
        require(
            abs(given - expected) < 1e-9,
            f"at probability {probability} it is {expected:.3g}, not {given:.3g}: three levels, and none may be drawn",
        )
    return "one text in eight at one half; where a draft equals its target the pipeline draws again."


@exercise("02.4")
def ex_02_4(share: float, pairs: Sequence[Pair], scenes: Mapping[str, Scene] | Callable[[Pair], Scene]) -> str:
    """Targets that say more than draft and image: the share of pairs whose target makes a claim that neither bears out.

    Args:
        share: your share, 0 to 1.
        pairs: pairs with an image.
        scenes: the scene of a pair: a mapping by the pair's id, or a function of the pair.
    """
    count = sum(says_more(pair, scenes(pair) if callable(scenes) else scenes[pair.id]) for pair in pairs)
    expected, given = count / len(pairs), number(share)
    require(0 <= given <= 1, f"a share lies between 0 and 1, and yours is {given:.3g}")
    hint = "compare claims, not words" if given > expected else "look at every claim of the target"
    require(
        abs(given - expected) < 0.5 / len(pairs),
        f"{count} of {len(pairs)} targets say more, which is {expected:.3f}, not {given:.3f}: {hint}",
    )
    return f"{count} of {len(pairs)}: what stands in neither draft nor image can only be learned as a habit."


def says_more(pair: Pair, scene: Scene) -> bool:
    """Whether the target claims something that the scene does not bear out and the draft does not claim."""
    drafted = {str(claim) for claim in claims(pair.draft)}
    return any(not claim_holds(scene, claim) and str(claim) not in drafted for claim in claims(pair.target))
