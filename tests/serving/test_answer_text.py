"""Streamed text: nothing of a stop text is ever sent, no half characters, and the pieces make the whole."""

from __future__ import annotations

from flamingo_lib.serving.answer_text import AnswerText

PIECES = ["It", " is", " red", ".", "\n", "###", " Human", ": more"]


def decode(ids):
    return "".join(PIECES[index] for index in ids).strip()


def run(stop=(), count=None):
    text, sent = AnswerText(decode, stop), []
    for token in range(count or len(PIECES)):
        sent.append(text.add(token))
        if text.stopped:
            break
    return text, sent


def test_pieces_make_the_whole():
    text, sent = run()
    assert "".join(sent) + text.rest() == decode(range(len(PIECES)))
    assert text.tokens == len(PIECES)


def test_the_answer_ends_before_a_stop_text():
    text, sent = run(stop=("### Human",))
    assert text.stopped
    assert "".join(sent).strip() == "It is red."
    assert text.rest() == ""
    text, sent = run(stop=("red.", "is red"))
    assert "".join(sent) == "It "  # the earlier of two stop texts


def test_what_may_become_a_stop_text_is_held_back_and_given_if_it_does_not():
    text, sent = run(stop=("red!",), count=3)
    assert "".join(sent) == "It is "
    assert text.rest() == "red"


def test_half_characters_wait():
    whole = "naïve".encode()

    def bytes_so_far(ids):
        return whole[: len(ids)].decode("utf-8", errors="replace")

    text = AnswerText(bytes_so_far)
    sent = [text.add(index) for index in range(len(whole))]
    assert sent == ["n", "a", "", "ï", "v", "e"]
