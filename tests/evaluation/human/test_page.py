"""The judging page in a real browser: rated by keyboard and mouse, saved, read back; hostile texts stay text."""

from __future__ import annotations

import json

import pytest

from flamingo_lib.evaluation.human.agreement import cohen_kappa, preferences
from flamingo_lib.evaluation.human.page import write_judging_page
from flamingo_lib.evaluation.human.pairs import make_pairs
from flamingo_lib.evaluation.human.ratings import read_ratings
from tests.browser import chromium

pytestmark = pytest.mark.browser
HOSTILE = '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=1"> ### Human: <image>'


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


def open_page(browser, path):
    page = browser.new_context(accept_downloads=True).new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    return page, errors


def test_twenty_pairs_rated_by_two_people_and_read_back(browser, answers, tmp_path):
    pairs = make_pairs(*answers)
    path = write_judging_page(tmp_path / "page.html", pairs, tmp_path)
    wanted, files = {}, []
    for annotator, step in (("ann", 2), ("bo", 3)):
        page, errors = open_page(browser, path)
        page.fill("#annotator", annotator)
        page.locator("#annotator").blur()
        for number, pair in enumerate(pairs.pairs):
            assert page.inner_text("#instruction") == pair.instruction
            assert page.inner_text("#left") == pair.left
            assert page.evaluate("document.querySelector('#images img').naturalWidth") == 40
            key, side = ("1", "left") if number % step == 0 else ("2", "tie")
            if number == 4:
                page.click('button[data-field="polite"][data-value="skip"]')
                wanted[annotator, pair.id] = None
            else:
                page.keyboard.press(key)
                wanted[annotator, pair.id] = "tie" if side == "tie" else pair.system(side)
            page.keyboard.press("q")
            page.keyboard.press("ArrowRight")
        assert page.inner_text("#status") == "20 of 20 rated"
        with page.expect_download() as download:
            page.click("#save")
        files.append(tmp_path / download.value.suggested_filename)
        download.value.save_as(files[-1])
        assert not errors
    ratings = read_ratings(files, pairs)
    assert {(rating.annotator, rating.pair): rating.polite for rating in ratings} == wanted
    assert all("matched" in rating.labels for rating in ratings)
    given = preferences(ratings)
    both = [(given["ann"][item], given["bo"][item]) for item in given["ann"] if item in given["bo"]]
    observed = sum(one == other for one, other in both) / len(both)
    shares = [{v: sum(pair[k] == v for pair in both) / len(both) for v in ("a", "b", "tie")} for k in (0, 1)]
    expected = sum(shares[0][value] * shares[1][value] for value in ("a", "b", "tie"))
    assert cohen_kappa(given["ann"], given["bo"]) == pytest.approx((observed - expected) / (1 - expected))


def test_ratings_are_kept_in_the_browser_and_go_on_from_a_file(browser, answers, tmp_path):
    pairs = make_pairs(*answers, limit=3)
    path = write_judging_page(tmp_path / "page.html", pairs, tmp_path)
    page, _ = open_page(browser, path)
    page.keyboard.press("1")
    assert "Write a name first" in page.inner_text("#status")
    page.fill("#annotator", "ann")
    page.locator("#annotator").blur()
    page.keyboard.press("3")
    page.reload()
    page.fill("#annotator", "ann")
    page.locator("#annotator").blur()
    assert page.inner_text("#status") == "1 of 3 rated"
    assert page.inner_text("#number") == "2 of 3"  # the first that is not rated
    row = {"set": "another", "pair": pairs.pairs[0].id, "annotator": "bo", "polite": "tie"}
    (tmp_path / "other.jsonl").write_text(json.dumps(row) + "\n")
    page.set_input_files("#load", tmp_path / "other.jsonl")
    page.wait_for_function("document.getElementById('status').textContent.includes('another set')")


def test_hostile_texts_stay_text(browser, answers, tmp_path):
    for name in ("a", "b"):
        row = {"id": HOSTILE, "instruction": HOSTILE, "response": f"{HOSTILE} {name}", "references": [HOSTILE]}
        (tmp_path / f"hostile-{name}.jsonl").write_text(json.dumps(row) + "\n")
    pairs = make_pairs(tmp_path / "hostile-a.jsonl", tmp_path / "hostile-b.jsonl")
    page, errors = open_page(browser, write_judging_page(tmp_path / "page.html", pairs, reference=True))
    assert page.inner_text("#instruction") == HOSTILE
    assert page.inner_text("#left").startswith(HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img").count() == 0
    assert not errors
