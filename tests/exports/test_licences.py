"""What licence statements are taken to allow."""

import pytest

from flamingo_lib.exports.licences import allows_commercial_use, licence_of
from flamingo_lib.sources.catalog import CATALOG


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("CC BY 4.0", True),
        ("Apache-2.0", True),
        ("CC BY-NC-SA 4.0", False),
        ("academic use only", False),
        ("Flickr's terms; non-commercial research and education only", False),
        ("annotations CC BY 4.0; images under Flickr's terms", None),
        ("MIT; for research and education", None),
        ("CC BY 4.0; OpenAI's terms of use apply", None),
        ("none stated", None),
        ("", None),
    ],
)
def test_statement(statement, allowed):
    assert allows_commercial_use(statement) is allowed


def test_statements_of_the_catalogue_that_allow_nothing_else_is_said_of():
    allowing = {row.licence for row in CATALOG.values() if allows_commercial_use(row.licence)}
    assert not any(word in text.lower() for text in allowing for word in ("research", "terms", "images", "stated"))
    assert allowing


def test_own_statement_comes_before_the_catalogue():
    assert licence_of("gqa") == CATALOG["gqa"].licence
    assert licence_of("gqa", "MIT") == "MIT"
    assert licence_of("no-such-dataset") == "not known"
