"""Distances between two samples of features, `(n, d)` each: how similar they are.

All computations are in float64, and those over all pairs are in chunks. Bad input is a
`ValueError`: shapes other than `(n, d)` with the same d, too few samples, values that are not
finite.
"""

import numpy as np

CHUNK = 2**21  # numbers in a chunk of a matrix of pairs: 16 MB


def frechet_distance(ours, reference):
    """The Frechet distance between Gaussians fitted to two samples, in squared units of features.

    The fit makes it too large, and more so for fewer samples: compare only at equal sizes.

    Args:
        ours, reference: `(n, d)` and `(m, d)`, at least 2 samples each.

    Reference: Heusel et al. 2017, https://arxiv.org/abs/1706.08500
    """
    samples = check_samples(ours, reference)
    points = np.concatenate(samples)
    if len(points) < points.shape[1]:  # in the space that they span, all is the same, but smaller
        points = np.linalg.qr(points.T, mode="r").T
    moments = []
    for sample in np.split(points, [len(samples[0])]):
        moments += [sample.mean(axis=0), np.cov(sample, rowvar=False)]
    return gaussian_frechet_distance(*moments)


def gaussian_frechet_distance(mean, covariance, other_mean, other_covariance):
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); covariances may be singular. At least 0.

    Args:
        mean, other_mean: `(d,)`.
        covariance, other_covariance: `(d, d)`, symmetric; for d = 1 also a number.

    Reference: Dowson and Landau 1982, https://doi.org/10.1016/0047-259X(82)90077-X
    """
    means = [np.atleast_1d(np.asarray(each, "float64")) for each in (mean, other_mean)]
    covariances = [
        np.atleast_2d(np.asarray(each, "float64")) for each in (covariance, other_covariance)
    ]
    d = means[0].size
    if any(m.shape != (d,) for m in means) or any(c.shape != (d, d) for c in covariances):
        shapes = [each.shape for each in means + covariances]
        raise ValueError(f"means must be (d,) and covariances (d, d) with the same d, not {shapes}")
    if not all(np.isfinite(each).all() for each in means + covariances):
        raise ValueError("means and covariances must be finite")
    # With C = F F', the trace of the root of C1 C2 is the sum of the singular values of F1' F2:
    # the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), but without roots of rounding errors.
    first, second = map(_factor, covariances)
    common = np.linalg.svd(first.T @ second, compute_uv=False).sum()
    distance = np.sum((means[0] - means[1]) ** 2) + sum(map(np.trace, covariances)) - 2 * common
    return max(0.0, float(distance))


def kernel_distance(ours, reference):
    """The squared maximum mean discrepancy with the kernel (x.y / d + 1)^3, "KID", without unit.

    The estimate is unbiased for all sample sizes, so it can be negative.

    Args:
        ours, reference: `(n, d)` and `(m, d)`, at least 2 samples each.

    Reference: Binkowski et al. 2018, https://arxiv.org/abs/1801.01401
    """
    ours, reference = check_samples(ours, reference)
    ones = (np.ones((1, len(sample))) for sample in (ours, reference))
    return float(weighted_kernel_distances(ours, reference, *ones)[0])


def weighted_kernel_distances(ours, reference, our_weights, reference_weights):
    """`kernel_distance` for many weightings of the same samples, in one pass over all pairs.

    A repeated point does not form a pair with itself, because such pairs would cause a bias.

    Args:
        ours, reference: float64 `(n, d)` and `(m, d)`.
        our_weights, reference_weights: float64 `(r, n)` and `(r, m)`; at least two of each row
            are not 0.

    Returns:
        `(r,)`.
    """
    between = _weighted_kernel_sums(ours, reference, our_weights, reference_weights)
    distances = -2 * between / (our_weights.sum(1) * reference_weights.sum(1))
    for sample, weights in ((ours, our_weights), (reference, reference_weights)):
        alone = weights**2 @ _kernel(np.sum(sample**2, axis=1) / sample.shape[1])
        pairs = weights.sum(1) ** 2 - np.sum(weights**2, axis=1)
        distances += (_weighted_kernel_sums(sample, sample, weights, weights) - alone) / pairs
    return distances


def precision_recall(ours, reference, neighbours=5):
    """Which of ours lie among the reference, and which of the reference lie among ours.

    The ball of a sample reaches to its k-th nearest other sample in the same set. It is open, as in
    the package prdc: a point that occurs more than k times has an empty ball.

    Args:
        ours, reference: `(n, d)` and `(m, d)`, at least `neighbours` + 1 samples each.
        neighbours: k, at least 1.

    Returns:
        `(n,)` bool, whether each of ours is in a ball of the reference: its mean is the precision;
        and `(m,)` bool, whether each of the reference is in a ball of ours: the recall.

    Reference: Kynkaanniemi et al. 2019, https://arxiv.org/abs/1904.06991
    """
    if neighbours < 1:
        raise ValueError(f"neighbours must be at least 1, not {neighbours}")
    ours, reference = check_samples(ours, reference, at_least=neighbours + 1)
    from sklearn import metrics, neighbors  # here, because the import takes a second

    search = neighbors.NearestNeighbors(n_neighbors=neighbours, algorithm="brute")
    our_radii, radii = (search.fit(each).kneighbors()[0][:, -1] for each in (ours, reference))
    precise, recalled, start = [], np.zeros(len(reference), bool), 0
    for chunk in metrics.pairwise_distances_chunked(ours, reference, working_memory=32):
        precise.append((chunk < radii).any(1))
        recalled |= (chunk < our_radii[start : start + len(chunk), None]).any(0)
        start += len(chunk)
    return np.concatenate(precise), recalled


def nearest(ours, reference):
    """The Euclidean distance to the nearest reference sample (0 for a copy), and its index.

    Args:
        ours, reference: `(n, d)` and `(m, d)`, at least 2 samples each.

    Returns:
        `(n,)` float64 and `(n,)` integers.
    """
    ours, reference = check_samples(ours, reference)
    from sklearn import metrics

    indices = metrics.pairwise_distances_argmin(ours, reference)
    # Computed again, because |x|^2 + |y|^2 - 2xy in the search is rounded and not exactly 0.
    return np.linalg.norm(ours - reference[indices], axis=1), indices


def class_coverage(ours, reference, classes):
    """1 - the total variation distance between the class frequencies, 0 to 1.

    It is 1 if each class is as frequent as in the reference, and 0.1 if only one of ten equally
    frequent classes occurs.

    Args:
        ours, reference: labels, integers `(n,)` and `(m,)` from 0, at least 2 each.
        classes: number of classes.
    """
    frequencies = []
    for name, labels in (("ours", ours), ("reference", reference)):
        labels = np.asarray(labels)
        if labels.ndim != 1 or len(labels) < 2 or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"{name}: labels must be (n,) integers, at least 2, "
                f"not {labels.shape} {labels.dtype}"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"{name}: labels must be from 0 to {classes - 1}")
        frequencies.append(np.bincount(labels, minlength=classes) / len(labels))
    return float(np.minimum(*frequencies).sum())


def check_samples(ours, reference, at_least=2):
    """Both samples as float64, or a `ValueError` that says what is wrong."""
    samples = []
    for name, sample in (("ours", ours), ("reference", reference)):
        sample = np.asarray(sample, "float64")
        if sample.ndim != 2 or sample.shape[1] == 0:
            raise ValueError(f"{name} must be (n, d), not {sample.shape}")
        if len(sample) < at_least:
            raise ValueError(f"{name} must have at least {at_least} samples, not {len(sample)}")
        if not np.isfinite(sample).all():
            raise ValueError(f"{name} has values that are not finite")
        samples.append(sample)
    if samples[0].shape[1] != samples[1].shape[1]:
        d, other = (sample.shape[1] for sample in samples)
        raise ValueError(f"ours has {d} features per sample, but reference has {other}")
    return samples


def _factor(covariance):
    """F with C = F F', `(d, d)`."""
    values, vectors = np.linalg.eigh(covariance)
    # For a singular matrix, some are rounding errors, whose roots would be large.
    rounding = np.abs(values).max() * len(values) * np.finfo("float64").eps
    return vectors * np.sqrt(np.where(values > rounding, values, 0))


def _kernel(mean_products):
    base = mean_products + 1
    return base * base * base  # ten times faster than `base**3`


def _weighted_kernel_sums(x, y, x_weights, y_weights):
    """sum_ij w_ri k(x_i, y_j) v_rj for each row r of the weights `(r, n)` and `(r, m)`."""
    sums, step = np.zeros(len(x_weights)), max(1, CHUNK // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        kernel = _kernel(x[rows] @ y.T / x.shape[1])
        sums += np.sum(x_weights[:, rows] * (y_weights @ kernel.T), axis=1)
    return sums
