"""What figures of images mean together: in words, where one alone would deceive."""

import dataclasses

GOOD, POOR = 0.8, 0.6  # a figure above the first, or below the second, times its baseline
NONE, FEW, MOST = 0.05, 0.3, 0.9  # fractions of the samples that are recognized


def with_remarks(rows, kind):
    """The rows, those that need it with a remark.

    Args:
        rows: a list of `Row` from `score_images`.
        kind: what the images show, such as "digits".
    """
    # Without enough real images for a baseline, only what needs none is judged.
    ratio = {
        row.name: row.figure.value / row.real_data if row.real_data else float("nan")
        for row in rows
        if row.name in ("precision", "recall")
    }
    recognized = next((row for row in rows if row.name == "recognized"), None)
    remarks = {}
    known = recognized.figure.value if recognized else 1.0
    if known <= FEW:
        few = "these are no" if known < NONE else "few of these are"
        remarks["recognized"] = (
            f"{few} {kind}: precision, recall and class coverage say nothing here"
        )
    elif ratio["precision"] > GOOD and ratio["recall"] < POOR:
        remarks["recall"] = (
            "the samples lie among the real images, but they are blurred, too much alike, or some "
            "kinds are missing"
        )
    elif known < MOST:
        remarks["recognized"] = f"many of these are no {kind}, and do not count for precision"
    elif ratio["recall"] > GOOD and ratio["precision"] < POOR:
        remarks["precision"] = "the samples are varied enough, but many are not good"
    return [dataclasses.replace(row, remark=remarks.get(row.name, "")) for row in rows]
