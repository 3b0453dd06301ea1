"""Hand-written texts about one scene (a small red circle top left, a large blue square in the center, a small blue star
bottom right).
"""

import pytest

from flamingo_lib.scenes.ground_truth import check, claims, hallucinated
from flamingo_lib.text import split_sentences

TRUE = """
There is a red circle at the top left.
The red circle is in the upper left corner, and the blue star sits in the lower right corner.
I can see three objects: a small red circle, a large blue square, and a small blue star.
The circle is not blue.
There are two blue objects and only one red object.
There are no green triangles here.
No, I can't see a yellow cross in this picture.
The star isn't above the square.
To the left of the blue square, you can see a red circle.
The blue square is bigger than the red circle.
All the blue objects are to the right of the circle.
It looks like the red object is a circle.
The blue one in the center is a square.
At the bottom right of the image there's a star.
The number of blue objects is two.
2 of the shapes are nice, but there are 3 objects.
Is there a green ring? There is no green ring.
The picture does not contain any crosses.
The square is blue and large.
a red circle; a big blue square
small blue star bottom right
There are more blue objects than red objects.
The red circle is on the left side of the image.
The star can be found in the bottom row.
The largest one is the blue square.
Would you like to know more about the green ring?
The star, which is small, is at the bottom right.
There are three objects in total, so two objects would be left without the star.
"""

FALSE = """
There is a red circle at the top right.
The red circle is in the lower left corner.
There is a green circle at the top left.
I can see four objects.
There is one blue object.
There are two red circles.
There is no red circle.
The circle is blue.
The circle is large.
The blue square is at the center, and the blue star is at the top center.
The star is above the square.
The circle is to the right of the blue square.
To the left of the red circle, there is a blue square.
The blue square is smaller than the star.
The red object is a triangle.
All the objects are small.
All the objects have the same color.
There are more red objects than blue objects.
The number of circles is three.
You can see a red circle at the top left. You can also see a red circle at the bottom left.
There is a red circle at the top left. There is another red circle.
There is a blue star. It is located at the top left.
The blue star is not at the bottom right.
The picture does not show a blue square.
It is the only object, a red circle.
I cannot see a blue star.
a yellow ring
a large red circle
There's a blue square in the middle, a blue star at the bottom right and a purple cross.
The red circle is on the right side of the image.
The red object is clearly a ring.
"""


@pytest.mark.parametrize("text", TRUE.strip().splitlines())
def test_true_texts(scene, text):
    assert check(scene, text).false_claims == ()


@pytest.mark.parametrize("text", FALSE.strip().splitlines())
def test_false_texts(scene, text):
    assert hallucinated(scene, text)


@pytest.mark.parametrize(
    "text",
    ["", "Hello!", "I would be happy to help.", "Let me know if you have any other questions.", "You are right."],
)
def test_manners_claim_nothing(text):
    assert claims(text) == []


def test_sentences_are_not_split_inside_numbers():
    assert split_sentences("The box is 0.25 wide. It is red!\nGood") == ["The box is 0.25 wide.", "It is red!", "Good"]


@pytest.mark.parametrize(
    "text",
    [
        "###",
        "the the the",
        "no no no",
        "of of a a red",
        "1 2 3 4",
        "left right top",
        "?!.",
        "a" * 2000,
        "it it it is is",
    ],
)
def test_nonsense_does_not_break_the_reader(scene, text):
    check(scene, text)
