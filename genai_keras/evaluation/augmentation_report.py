"""Results of an augmentation experiment, as text and as JSON."""

import dataclasses


def table(comparisons):
    """A text with one line per number of images, each with its conclusion."""
    lines = [f"{'real':>6}{'without':>10}{'with':>9}   difference, 95 % interval"]
    for each in comparisons:
        mean, half_width = (100 * figure for figure in each.interval)
        without, augmented = (
            100 * sum(part) / len(part) for part in (each.without, each.augmented)
        )
        lines.append(
            f"{each.per_class:6}{without:10.2f}{augmented:9.2f}   "
            f"{mean:+.2f} +- {half_width:.2f}: {each.conclusion}"
        )
    return "\n".join(lines)


def caution(folder, trained_on, per_class, classes):
    """A warning that the run saw more labels than the classifiers."""
    seen = f"{trained_on:,}" if trained_on else "an unknown number of"
    had = ", ".join(f"{count * classes:,}" for count in per_class)
    return (
        f"{folder} was trained on {seen} labelled images, but the classifiers on {had}:\n"
        "the gain is only an upper bound, because the comparison is not fair."
    )


def as_json(comparisons):
    """All results, as a list that `json` can write."""
    found = []
    for each in comparisons:
        mean, half_width = each.interval
        more = {"difference": mean, "half_width": half_width, "conclusion": each.conclusion}
        found.append({**dataclasses.asdict(each), **more})
    return found
