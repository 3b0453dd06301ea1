import random
import re

from flamingo_lib.distortion.compress import compress
from flamingo_lib.scenes import annotations, language
from flamingo_lib.scenes.answers import SUBJECT_FIRST
from flamingo_lib.scenes.ground_truth import answer_correct, answer_kept, hallucinated, is_polite_sentence
from flamingo_lib.scenes.phrases import CLOSERS, OPENERS
from flamingo_lib.scenes.questions import ask, possible_types
from flamingo_lib.text import split_sentences


def draws(scenes, count):
    generator = random.Random(2)
    for number in range(count):
        scene = scenes[number % len(scenes)]
        yield generator, scene, ask(scene, generator)


def test_polite_answers_are_varied_and_short(scenes):
    texts = [language.polite(generator, scene, question) for generator, scene, question in draws(scenes, 3000)]
    assert len(set(texts)) > 2850
    lengths = sorted(len(re.findall(r"\w+|[^\w\s]", text)) for text in texts)
    assert 15 < lengths[len(lengths) // 2] < 30
    assert lengths[-1] <= 60
    assert all(is_polite_sentence(text) for text in texts)


def test_the_world_has_a_small_vocabulary(scenes):
    words = set()
    for generator, scene, question in draws(scenes, 2500):
        texts = [question.text, language.polite(generator, scene, question), annotations.caption(generator, scene)]
        texts += [language.paragraph(generator, scene), annotations.rationale(generator, scene, question)]
        texts += [*language.reasoning(generator, scene), *language.text_dialogue(generator)]
        words.update(word for text in texts for word in re.findall(r"[a-z]+", text.lower()))
    assert 200 < len(words) < 450


def test_paragraphs_are_of_moderate_length_and_name_every_object(scenes):
    for generator, scene, _ in draws(scenes, 500):
        text = language.paragraph(generator, scene)
        assert len(re.findall(r"\w+|[^\w\s]", text)) <= 115
        for item in scene.objects:
            assert item.name(size=True) in text.lower()
            assert item.position in text.lower()


def test_captions_are_curt_fragments(scenes):
    for generator, scene, _ in draws(scenes, 300):
        text = annotations.caption(generator, scene)
        assert text[0].islower() and "Sure" not in text
        assert any(item.name() in text for item in scene.objects)


def test_details_can_be_stripped(scenes):
    stripped = 0
    for generator, scene, question in draws(scenes, 1500):
        text = language.polite(generator, scene, question, detail=1.0)
        bare = language.strip_details(text)
        core = [part for part in split_sentences(bare) if part not in OPENERS and part not in CLOSERS]
        assert len(core) == 1 and core[0] in text
        assert language.strip_details(bare) == bare
        stripped += bare != text
        plain = language.polite(generator, scene, question, detail=0.0)
        assert language.strip_details(plain) == plain
    assert stripped > 1300


def test_an_answer_that_looks_first_is_right_and_comes_back_curt(scenes):
    seen = set()
    for generator, scene, question in draws(scenes, 2000):
        if question.type not in language.REASONED:
            continue
        text = language.reasoned(generator, scene, question)
        assert answer_correct(question, text, scene), (question.text, text)
        assert not hallucinated(scene, text, question) and is_polite_sentence(text)
        assert answer_kept(question, question.answer, compress(question.text, text)), text
        core = [part for part in split_sentences(text) if part not in OPENERS and part not in CLOSERS]
        conclusion = language.strip_evidence(core[0])
        assert len(core) == 1 and len(conclusion) < len(core[0]) and answer_correct(question, conclusion, scene)
        seen.add((question.type, question.answer))
    assert {kind for kind, _ in seen} == set(language.REASONED) and len(seen) >= 10


def test_evidence_names_what_is_counted_in_reading_order(scenes):
    for generator, scene, question in draws(scenes, 400):
        if question.type == "count":
            named = question.target.among(scene) or scene.objects
            text = language.evidence(generator, scene, question)
            at = [text.index(f"{item.name()} {language.at(item.position)}") for item in named]
            assert sorted(at) == [at[named.index(item)] for item in sorted(named, key=lambda item: item.cell)]


def test_expressions_single_out_their_object(scenes):
    for generator, scene, _ in draws(scenes, 400):
        item = generator.choice(scene.objects)
        text = annotations.expression(generator, scene, item)
        words = text.split()
        fitting = [
            o
            for o in scene.objects
            if o.shape in words and (o.color in words or (o.size in words and o.position in text))
        ]
        assert item in fitting


def test_conversations_answer_each_question_in_turn(scenes):
    for generator, scene, _ in draws(scenes, 100):
        questions = [ask(scene, generator) for _ in range(3)]
        turns = language.conversation(generator, scene, questions)
        assert [turn[0] for turn in turns] == [question.text for question in questions]
        assert all(is_polite_sentence(answer) for _, answer in turns)


def test_conversations_name_their_subject_before_they_decide(scenes):
    """What is there and how things lie is said of a subject that has been named; no answer begins with yes or no."""
    seen, plain, total = set(), 0, 0
    for generator, scene, _ in draws(scenes, 400):
        questions = [ask(scene, generator, kind) for kind in possible_types(scene)]
        for question, (_, answer) in zip(questions, language.conversation(generator, scene, questions), strict=True):
            assert not hallucinated(scene, answer, question) and answer_correct(question, answer, scene), answer
            assert compress(question.text, answer) == question.answer, (question.text, answer)
            if question.type in SUBJECT_FIRST:
                said = [part for part in split_sentences(answer) if part not in OPENERS]
                assert not said[0].startswith(("Yes", "No"))
                decides = re.search(r" not |, not | (?:is|are) ", said[0])
                assert decides and question.target.text() in said[0][: decides.start()], said[0]
                seen.add((question.type, question.answer))
            plain += language.subject_first(question) in answer
            total += 1
    assert len(seen) == 4 and 0.45 < plain / total < 0.75


def test_statements_to_be_checked_are_answered_truly_and_drafted_rightly(scenes):
    checked = 0
    for generator, scene, _ in draws(scenes, 1500):
        instruction, answer, curt = language.reasoning(generator, scene)
        assert not hallucinated(scene, answer), answer
        assert compress(instruction, answer).lower().startswith(curt), (instruction, answer)
        checked += "not above it" in answer or "is not in the image" in answer
    assert checked > 30


def test_sums_in_text_dialogues_are_right():
    generator, seen = random.Random(4), 0
    for _ in range(3000):
        instruction, answer, curt = language.text_dialogue(generator)
        assert instruction and answer and curt
        match = re.search(r"(\d+) (plus|minus) (\d+)", instruction)
        if match:
            a, b = int(match[1]), int(match[3])
            assert int(curt) == (a + b if match[2] == "plus" else a - b)
            assert curt in re.findall(r"\d+", answer)
            seen += 1
    assert seen > 200


def test_text_is_the_same_for_the_same_generator(scene):
    one, two = random.Random(7), random.Random(7)
    assert [language.paragraph(one, scene) for _ in range(3)] == [language.paragraph(two, scene) for _ in range(3)]
