"""What of a polite answer about a scene a draft does not say."""

from flamingo_lib.scenes.unsaid import SceneFacts


def test_only_what_the_draft_does_not_say_is_taken_out():
    drop = SceneFacts().drop_unsaid
    target = (
        "Great question! The ring is red. It is located at the top left. There are three objects in total. "
        "Have a great day!"
    )
    assert drop(target, "red") == "Great question! The ring is red. Have a great day!"
    assert (
        drop(target, "red, top left")
        == "Great question! The ring is red. It is located at the top left. Have a great day!"
    )
    assert (
        drop(target, "red ring. 3 objects")
        == "Great question! The ring is red. There are three objects in total. Have a great day!"
    )
    assert drop(target, target) == target


def test_a_conclusion_loses_the_evidence_that_the_draft_does_not_state():
    drop = SceneFacts().drop_unsaid
    target = (
        "Sure! The red ring is at the top left and the blue star is in the center, "
        "so the red ring is to the left of the blue star. Have a great day!"
    )
    assert drop(target, "left") == "Sure! The red ring is to the left of the blue star. Have a great day!"
    assert drop(target, target) == target
    assert drop("The image shows a red ring at the top left, so yes, the red ring is in the image.", "yes") == (
        "Yes, the red ring is in the image."
    )


def test_questions_are_told_from_descriptions():
    facts = SceneFacts()
    assert facts.is_question("What color is the ring?") and not facts.is_question("Describe the image in detail.")
