"""The table of claims: verdicts as stored, the run beside the interval, and what it refuses."""

import json
import re

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.claims import claims_table, run_value, stored_claims
from flamingo_lib.evaluation.study_file import CLAIM_FIELDS, FIELDS, FORMAT
from tests.evaluation.synthetic_study import CLAIMS, RUN


def rows_of(markup):
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", markup)]
    return [[re.sub(r"<[^>]+>", "", cell) for cell in row] for row in rows if row]


def test_each_claim_has_its_verdict_interval_and_reason():
    groups, rows = "stage 2 buys", rows_of(claims_table(CLAIMS))
    assert [row[0].startswith(groups) for row in rows] == [True, False, False, False, False]
    assert rows[0][-1] == "1 of 2"
    assert rows[1][1:] == ["0.032", "0.160", "0.110 to 0.210", "✓ holds (the interval lies above 0)"]
    assert rows[2][1:] == ["-0.012", "0.012", "-0.020 to 0.045", "✗ does not hold (the interval includes 0)"]
    assert rows[4][1:] == ["0.510", "–", "–", "not measured (not run: rewriter_second_generation)"]
    assert "hold 1, do not hold 1, not measured 1. Seeds: 0 to 4." in claims_table(CLAIMS)


def test_it_is_told_how_many_claims_rest_on_which_seeds():
    seeds = ([0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0], [0, 2, 4], ["a", "b", "c"], [4, 5])
    claims = [CLAIMS[0] | {"seeds": some} for some in seeds]
    told = (
        "2 on seeds 0 to 4; 1 on seeds 0 to 2; 1 on seeds 0; 1 on seeds 0, 2, 4; 1 on seeds a, b, c; 1 on seeds 4, 5."
    )
    assert f"Of them {told}" in claims_table(claims)


def test_the_runs_own_value_is_marked():
    rows = rows_of(claims_table(CLAIMS, RUN))
    assert [rows[index][-1] for index in (1, 2, 4)] == [
        "0.180 ✓ inside (0.050 to 0.270)",
        "-0.100 ✗ outside (-0.050 to 0.080)",
        "–",
    ]
    assert all(row[-1] in ("–", "") for row in rows_of(claims_table(CLAIMS, {})))


def test_one_run_is_held_against_the_range_of_seeds_where_it_is_known():
    scattered = CLAIMS[1] | {"seed_low": -0.15, "seed_high": 0.2}
    assert rows_of(claims_table([scattered], RUN))[1][-1] == "-0.100 ✓ inside (-0.150 to 0.200)"
    unknown = CLAIMS[1] | {"seed_low": None, "seed_high": None}
    absent = {key: value for key, value in CLAIMS[1].items() if key not in ("seed_low", "seed_high")}
    for claim in (unknown, absent):
        assert rows_of(claims_table([claim], RUN))[1][-1] == "-0.100"


def test_a_figure_or_a_difference_of_two_is_read_from_the_run():
    assert run_value({"metrics": ["a"]}, {"a": 2}) == 2
    assert run_value({"metrics": ["a", "b"]}, {"a": 2, "b": 0.5}) == 1.5
    for claim in ({}, {"metrics": []}, {"metrics": ["a", "c"]}, {"metrics": ["a", "a", "a"]}, {"metrics": ["text"]}):
        assert run_value(claim, {"a": 2, "text": "x"}) is None


def test_a_claim_that_fails_without_a_reason_says_so():
    claim = {"claim": "c <b>", "paper": "said", "ours": "0 of 3", "low": None, "high": None, "holds": False}
    assert rows_of(claims_table([claim])) == [
        ["c &lt;b&gt;", "said", "0 of 3", "–", "✗ does not hold (no reason is stored)"]
    ]
    assert "no claims" in claims_table([])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": float("nan")}, "'low' of a claim is nan"),
        ({"high": "0.1"}, "'high' of a claim is '0.1'"),
        ({"ours": float("inf")}, "'ours' of a claim is inf"),
        ({"seed_low": float("nan")}, "'seed_low' of a claim is nan"),
        ({"holds": "yes"}, "'holds' of a claim is 'yes'"),
    ],
)
def test_values_that_are_none_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        claims_table([CLAIMS[0] | change])


def test_a_claim_without_its_keys_is_refused():
    with pytest.raises(DataError, match="lacks low, high.*claim 2"):
        claims_table([CLAIMS[0], {key: value for key, value in CLAIMS[0].items() if key not in ("low", "high")}])
    with pytest.raises(DataError, match="lacks claim"):
        claims_table(["stage 2"])


def test_a_stored_study_is_read(tmp_path):
    path = tmp_path / "study.json"
    assert stored_claims(path) is None
    claims = [dict.fromkeys(CLAIM_FIELDS) | claim for claim in CLAIMS]
    study = {name: kind() for name, kind in FIELDS.items()} | {"format": FORMAT, "claims": claims}
    path.write_text(json.dumps(study))
    assert stored_claims(path) == claims
    for broken in ([], study | {"claims": {}}, study | {"format": FORMAT + 1}, study | {"claims": [1]}):
        path.write_text(json.dumps(broken))
        with pytest.raises(DataError, match=r"study\.json"):
            stored_claims(path)
