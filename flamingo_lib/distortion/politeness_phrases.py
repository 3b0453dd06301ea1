"""Telling what a polite answer says from how politely it says it: openers, closers and lead-ins are taken away."""

from __future__ import annotations

import re

from .segment import split_sentences


def _any_of(*phrases: str) -> str:
    return "(?:" + "|".join(phrases) + ")"


_GLAD = r"(?:very |more than |always |so )?(?:happy|glad|delighted|pleased)"
_PICTURE = r"(?:image|picture|photo|photograph|scene|drawing|view)"
_CLOSELY = r"(?:closely |carefully )?"

_COURTESY = re.compile(
    _any_of(
        r"(?:sure|of course|certainly|absolutely|definitely|gladly|okay|ok|alright|"
        r"hello|hi|hey|welcome|no problem|with pleasure)"
        r"(?: (?:thing|there))?\W*$",
        r"(?:(?:what|that is|that's|this is) (?:an? )?)?(?:very )?"
        r"(?:great|good|excellent|interesting|nice|lovely|wonderful)"
        r" (?:question|observation|choice|picture|image|scene|one)\b",
        r"(?:thank you|thanks)\b",
        r"(?:(?:it is|it's|it was) )?(?:my|a) pleasure\b",
        r"(?:you are|you're) (?:very |most )?welcome\b",
        r"(?:happy|glad) to help\b",
        rf"i (?:would be|will be|am|was) {_GLAD}\b",
        rf"i(?:'d be|'ll be|'m) (?:{_GLAD}|here)\b",
        r"i am (?:always )?here (?:to|if)\b",
        r"(?:i )?(?:do )?(?:really )?(?:hope|trust) (?:that )?(?:this|that|it|my|the|you|these)\b",
        r"(?:please )?(?:do )?"
        r"(?:let me know|feel free|do not hesitate|don't hesitate|just ask|ask me|ask away|reach out)\b",
        r"please (?:ask|tell me|enjoy)\b",
        r"if (?:you|there)\b.{0,80}\b(?:let me know|feel free|ask|hesitate|glad|happy|here|help)\b",
        r"you (?:can|may) (?:always )?ask\b",
        r"(?:is|was) there anything\b",
        r"(?:do|would) you (?:have|like|want|need)\b",
        r"(?:how )?(?:can|may) i help\b|i can (?:certainly |surely |gladly )?help\b",
        r"have an? (?:nice|great|good|wonderful|lovely) (?:day|time|one)",
        r"enjoy\b",
        r"let me (?:take a (?:closer )?look|have a look|look|help|think|check|see)\b",
        r"allow me to\b",
        r"here (?:is|are) (?:the|my|an?) (?:\w+ ){0,3}(?:answer|description|response|details|summary)\b",
        r"any (?:other|more|further) questions\b",
        r"as an ai\b",
    ),
    re.IGNORECASE,
)
_OPENER = re.compile(
    _any_of(
        r"(?:well|sure thing|sure|of course|certainly|absolutely|definitely|okay|ok|alright|gladly|"
        r"hello|hi|hey|thank you|thanks"
        r"|(?:good|great) question)(?: there)?\s*[,!:;—–-]+\s*"
    )
    + "+",
    re.IGNORECASE,
)
_TELLING = re.compile(
    r"(?:i(?:'m| am|'d be| would be|'ll be)|it is my pleasure|let me|allow me|"
    r"i can|i could|i would like|i want)\b[^,.;:]{0,40}?"
    r"\b(?:tell|say|report|inform|share|confirm|answer|explain)\b[^,.;:]{0,16}?(?:\bthat\b|:)\s*",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    "(?:"
    + _any_of(
        rf"as (?:you|we|one|i) can {_CLOSELY}(?:clearly )?(?:see|tell)",
        r"as far as i (?:can (?:see|tell)|know)",
        r"as (?:shown|seen)",
        rf"looking {_CLOSELY}at [^,]{{0,40}}",
        r"(?:looking|counting) (?:closely|carefully)",
        r"(?:based on|judging by|judging from|according to|from) (?:the|this|what)\b[^,]{0,40}",
        rf"in (?:the|this) {_PICTURE}(?: here| shown)?",
        r"in total|altogether|overall|in fact|indeed|actually|clearly|to answer your question|here",
        r"if (?:you|we|i) look[^,]{0,40}",
        r"after (?:a )?(?:careful |close |closer )?(?:look|counting|checking)[^,]{0,40}",
        r"it (?:looks|seems|appears)(?: like| as if| that)?",
        r"i (?:can|could) (?:clearly |also )?(?:see|tell|say|count|find|confirm|notice)(?: you)?(?: that)?",
        r"i (?:see|think|believe|count|notice|find)(?: that)?",
        r"(?:you|we) (?:can|will|could|may) (?:clearly |also )?(?:see|find|notice)(?: that)?",
        rf"(?:the|this) (?:\w+ )?{_PICTURE} (?:clearly |also )?"
        r"(?:shows|depicts|contains|features|displays|captures|presents|portrays|has|includes|consists of)(?: that)?",
        r"there (?:is|are)(?: also)?|here (?:is|are|we see)|(?:the )?answer is",
    )
    + r"\b[\s,:]*)+",
    re.IGNORECASE,
)


def strip_opener(sentence: str) -> str:
    """The sentence without "Sure, " or "I am happy to tell you that " in front."""
    sentence = sentence.strip()
    for pattern in (_OPENER, _TELLING):
        match = pattern.match(sentence)
        if match:
            sentence = sentence[match.end() :]
    return sentence


def strip_lead_in(sentence: str) -> str:
    """The sentence without its lead-in, such as "As you can see, " or "In this picture, there is "."""
    match = _LEAD_IN.match(sentence)
    return sentence[match.end() :] if match and match.end() < len(sentence.rstrip(" .!?")) else sentence


_PLACE_FIRST = re.compile(r"((?:at|in|on|to|near|behind|under) [^,]{2,40}), (.+)", re.IGNORECASE)
_POSTURE = re.compile(
    r" (?:is|are|can be|was|were) (?:also )?(?:located|placed|situated|positioned|visible|shown|present|found|seen)"
    r"(?= (?:at|in|on|to|near|behind|under)\b)",
    re.IGNORECASE,
)


def as_fragment(sentence: str) -> str:
    """A sentence as a caption fragment: "At the left, there is a dog." becomes "a dog at the left"."""
    text = strip_lead_in(sentence.strip()).rstrip(".!?;:, ")
    match = _PLACE_FIRST.match(text)
    if match:
        thing = strip_lead_in(match.group(2))
        text = f"{thing} {match.group(1).lower()}" if thing != match.group(2) else text
    text = _POSTURE.sub("", text)
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def is_courtesy(sentence: str) -> bool:
    """True if a sentence says nothing but courtesies: a greeting, an offer of help, praise of the question."""
    stripped = strip_opener(sentence)
    return not stripped or _COURTESY.match(stripped) is not None or not any(map(str.isalnum, stripped))


def informative_sentences(text: str) -> list[str]:
    """The sentences of `text` that say something, openers taken off; all sentences if nothing is left."""
    sentences = split_sentences(text)
    kept = []
    for sentence in sentences:
        if not is_courtesy(sentence):
            kept.append(strip_opener(sentence))
    return kept or sentences
