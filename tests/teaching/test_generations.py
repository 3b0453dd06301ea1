"""Checks of notebook 09: right answers pass, typical slips are named."""

import numpy as np

from flamingo_lib.judges.rouge import rouge_l
from flamingo_lib.teaching import check


def differing(one, two):
    absent = object()
    return {name for name in {*one, *two} if one.get(name, absent) != two.get(name, absent)}


def test_settings_that_differ():
    assert check.ex_09_1(differing)
    assert (
        "in one of the two only"
        in check.ex_09_1(lambda one, two: {n for n in one if n in two and one[n] != two[n]}).text
    )
    assert (
        "in one of the two only"
        in check.ex_09_1(lambda one, two: {n for n in one | two if one.get(n) != two.get(n)}).text
    )
    assert "differs, not" in check.ex_09_1(lambda one, two: set(one) | set(two)).text
    assert "a set of names" in check.ex_09_1(lambda one, two: "start").text


def interval(first, second, seed, size=None, paired=True):
    random = np.random.default_rng(seed)
    count, first, second = len(first), np.array(first), np.array(second)
    drawn = random.integers(0, count, (2000, size or count))
    other = drawn if paired else random.integers(0, count, (2000, size or count))
    means = second[other].mean(1) - first[drawn].mean(1)
    return np.percentile(means, [2.5, 97.5])


def test_a_paired_interval():
    assert check.ex_09_2(interval)
    assert "by itself" in check.ex_09_2(lambda *given: interval(*given, paired=False)).text
    assert "as many records" in check.ex_09_2(lambda one, two, seed: interval(one * 9, two * 9, seed)).text
    assert "second minus first" in check.ex_09_2(lambda one, two, seed: interval(two, one, seed)).text
    assert "two bounds" in check.ex_09_2(lambda *given: 1.0).text
    assert "not below" in check.ex_09_2(lambda *given: interval(*given)[::-1]).text


def unchanged(before, after):
    return sum(rouge_l(two, one) >= 0.98 for one, two in zip(before, after, strict=True)) / len(before)


def test_the_unchanged_share():
    assert check.ex_09_3(unchanged)
    exact = check.ex_09_3(lambda one, two: sum(a == b for a, b in zip(one, two, strict=True)) / len(one))
    assert "the same words" in exact.text
    assert "those that changed" in check.ex_09_3(lambda one, two: 1 - unchanged(one, two) + 1e-9).text
    assert "are unchanged" in check.ex_09_3(lambda one, two: 0.9).text


def limit(raw, first, second):
    gain, next_gain = first - raw, second - first
    return raw + gain / (1 - next_gain / gain) if gain and abs(next_gain / gain) < 1 else None


def test_the_limit_of_many_generations():
    assert check.ex_09_4(limit)
    assert "less by the same factor" in check.ex_09_4(lambda raw, first, second: 2 * second - first).text
    assert "the limit is" in check.ex_09_4(lambda raw, first, second: second).text
    endless = check.ex_09_4(lambda raw, first, second: raw + (first - raw) ** 2 / (2 * first - raw - second))
    assert "return None, not" in endless.text

    def raising(*rewards):
        value = limit(*rewards)
        if value is None:
            raise ZeroDivisionError
        return value

    assert "raises ZeroDivisionError" in check.ex_09_4(raising).text
