"""What is said of figures that would deceive alone."""

import math

import pytest

from genai_keras.evaluation.bootstrap import Figure
from genai_keras.evaluation.remarks import with_remarks
from genai_keras.evaluation.report import Row, as_json, table


def rows_of(real_data=True, **values):
    usual = {"recognized": 0.99, "precision": 0.94, "recall": 0.92}
    return [
        Row(name, Figure(value, value, value), usual[name] if real_data else None, "")
        for name, value in values.items()
    ]


@pytest.mark.parametrize(
    "values, said",
    [
        ((0.99, 0.93, 0.91), None),
        ((0.97, 0.7, 0.7), None),
        ((0.0, 0.0, 0.0), "recognized: these are no digits: precision, recall and class coverage"),
        ((0.02, 0.01, 0.9), "recognized: these are no digits"),
        ((0.3, 0.2, 0.9), "recognized: few of these are digits"),
        ((0.55, 0.35, 0.95), "recognized: many of these are no digits, and do not count for"),
        ((0.85, 0.82, 0.3), "recall: the samples lie among the real images, but they are"),
        ((0.99, 0.99, 0.0), "recall: the samples lie among the real images, but they are blurred,"),
        ((0.99, 0.94, 0.5), "recall: the samples lie among the real images, but they are blurred,"),
        ((0.99, 0.87, 0.0), "recall: the samples lie among the real images, but they are blurred,"),
        ((0.9, 0.3, 0.9), "precision: the samples are varied enough, but many are not good"),
    ],
)
def test_contradictions_are_put_in_words_below_the_table(values, said):
    names = ("recognized", "precision", "recall")
    rows = with_remarks(rows_of(**dict(zip(names, values, strict=True))), "digits")
    below = table(rows).splitlines()[1 + len(rows) :]
    assert len(below) == (said is not None)
    assert ("say nothing" in below[0] if said else False) == (values[0] <= 0.3)
    if said:
        assert below[0].startswith(said)
        name, remark = below[0].split(": ", 1)
        assert as_json(rows)[name]["remark"] == remark
    assert {row.name for row in rows if row.remark} == {line.split(":")[0] for line in below}


def test_without_a_detector_or_a_baseline_no_more_is_said_than_is_known():
    (_, row) = with_remarks(rows_of(precision=0.95, recall=0.1), "images")
    assert "alike" in row.remark
    rows = with_remarks(rows_of(False, recognized=0.01, precision=0.9, recall=0.1), "clothes")
    assert [bool(row.remark) for row in rows] == [True, False, False]
    assert "no clothes" in rows[0].remark
    rows = with_remarks(rows_of(False, precision=0.9, recall=0.1), "clothes")
    assert not any(row.remark for row in rows)
    missing = [Row("precision", Figure(1, 1, 1), 0.0, ""), Row("recall", Figure(0, 0, 0), 0.0, "")]
    assert not any(row.remark for row in with_remarks(missing, "digits"))
    assert not math.isnan(missing[0].figure.value)
