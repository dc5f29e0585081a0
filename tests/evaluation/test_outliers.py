"""What a detector learns from: each kind of outlier by its law, and real images varied a little."""

import numpy as np
import pytest
from scipy import ndimage

from genai_keras.data.images import load_images
from genai_keras.evaluation import outliers


@pytest.fixture(scope="module")
def digits():
    train, _ = load_images("mnist5k", value_range=(0, 1), limit=400)
    return train.first(400)[..., 0]


def generator(seed=0):
    return np.random.default_rng(seed)


def pixels(images):
    """The pixels of each image, sorted."""
    return np.sort(images.reshape(len(images), -1), axis=1)


@pytest.mark.parametrize("name", ["varied", "make_outliers"])
def test_a_seed_decides_and_the_images_stay_as_they_are(digits, name):
    make, before = getattr(outliers, name), digits.copy()
    first, again, other = (make(digits, generator(seed)) for seed in (0, 0, 1))
    assert np.array_equal(digits, before)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == digits.shape and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 1  # false for NaN, too


def test_no_outlier_is_a_real_image_and_any_number_of_them_is_made(digits):
    found = outliers.make_outliers(digits, generator())
    same = (found.reshape(400, 1, -1) == digits.reshape(1, 400, -1)).all(axis=-1).any(axis=1)
    assert same.mean() < 0.01  # four patches in a random order may be in theirs
    for count in (1, 2, 5, 33):
        assert outliers.make_outliers(digits[:count], generator()).shape == (count, 28, 28)


def test_half_of_the_real_images_are_as_they_were_and_the_others_similar(digits):
    found = outliers.varied(digits, generator())
    same = (found == digits).all(axis=(1, 2))
    assert same.sum() == 200
    pairs = zip(found[~same], digits[~same], strict=True)
    alike = [
        np.corrcoef(*(ndimage.gaussian_filter(each, 2).ravel() for each in pair))[0, 1]
        for pair in pairs
    ]
    assert np.mean(alike) > 0.8 and min(alike) > 0.2


def test_a_blur_is_scipys_and_a_shift_moves_the_whole(digits):
    for sigma in (0.5, 1.7, 4):
        blurred = outliers.resampled(digits[:5], generator(), sigma=(sigma, sigma))
        expected = ndimage.gaussian_filter(
            digits[:5].astype("float64"), (0, sigma, sigma), mode="constant", truncate=9
        )
        assert blurred == pytest.approx(expected, abs=1e-5)
    still = outliers.resampled(digits[:5], generator())
    moved = outliers.resampled(digits[:5], generator(), shift=(3, 3))
    assert moved[:, 3:, 3:] == pytest.approx(still[:, :-3, :-3], abs=1e-5)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_stretched_image_has_every_point_at_that_many_times_its_distance(factor):
    point = np.zeros((1, 28, 28), "float32")
    point[0, 10, 17] = 1  # 3.5 above the middle and 3.5 to its right
    found = outliers.resampled(point, generator(), (factor, factor), sigma=(0.9, 0.9))
    y, x = ndimage.center_of_mass(found[0])
    assert (y - 13.5, x - 13.5) == pytest.approx((-3.5 * factor, 3.5 * factor), abs=0.05)


def test_halves_that_are_glued_are_of_two_images_or_of_one_and_nothing():
    ours = np.linspace(0.1, 0.9, 60, dtype="float32")[:, None, None] * np.ones((1, 28, 28), "f")
    found = outliers.glued(ours, generator())
    for number, image in enumerate(found):
        other = 0 if number % 6 == 0 else ours[number - 1, 0, 0]
        assert set(np.unique(image)) == {np.float32(other), ours[number, 0, 0]}
        assert 0.25 < np.mean(image == ours[number, 0, 0]) < 0.75


def test_shuffled_and_wrapped_images_have_the_pixels_that_they_had(digits):
    for make in (outliers.shuffled, outliers.wrapped):
        found = make(digits, generator())
        assert np.array_equal(pixels(found), pixels(digits))
        assert np.mean((found != digits).any(axis=(1, 2))) > 0.98
    # A wrapped image is a roll by a third or more in at least one direction.
    for image, source in zip(found[:20], digits, strict=False):
        places = [
            (y, x)
            for y in range(28)
            for x in range(28)
            if np.array_equal(image, np.roll(source, (-y, -x), (0, 1)))
        ]
        assert any(9 <= y <= 19 or 9 <= x <= 19 for y, x in places)


def test_a_patch_stays_whole(digits):
    """Each fourteen pixels a side, of which an image has four."""
    number = 4
    (found,) = outliers.shuffled(digits[:5], generator())[number : number + 1]
    corners = [(y, x) for y in (slice(14), slice(14, 28)) for x in (slice(14), slice(14, 28))]
    theirs = sorted(digits[number][corner].tobytes() for corner in corners)
    assert sorted(found[corner].tobytes() for corner in corners) == theirs


def test_half_of_the_negatives_are_exactly_one_minus_a_digit(digits):
    found = 1 - outliers.negatives(digits, generator())
    assert np.mean(np.abs(found - digits).max(axis=(1, 2)) < 1e-6) == pytest.approx(0.5, abs=0.03)


def test_a_stroke_is_a_line_in_one_piece(digits):
    found = outliers.strokes(digits, generator())
    single = [n for n in range(400) if n % 2 and n % 3]  # the others have more than one curve
    pieces = [ndimage.label(found[n] > 0, np.ones((3, 3)))[1] for n in single]
    assert np.mean(np.array(pieces) == 1) > 0.9  # a few leave the image and come back
    assert found[single].mean() < 0.3 and found[::6].mean() > 1.5 * found[single].mean()


def test_noise_and_waves_are_of_all_levels_and_contrasts(digits):
    for make in (outliers.noise, outliers.waves):
        found = np.clip(make(digits, generator()), 0, 1)
        levels, spreads = found.mean(axis=(1, 2)), found.std(axis=(1, 2))
        assert levels.min() < 0.1 and levels.max() > 0.9
        assert spreads.min() < 0.02 and spreads.max() > 0.4


def in_one_frequency(image):
    """The fraction of an image's power that is within two of its strongest frequency."""
    window = np.hanning(28)[:, None] * np.hanning(28)
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    y, x = np.unravel_index(power.argmax(), power.shape)
    near = np.zeros(power.shape, bool)
    near[np.ix_(range(-2, 3), range(-2, 3))] = True
    both = np.roll(near, (y, x), (0, 1)) | np.roll(near, (-y, -x), (0, 1))  # and its mirror image
    return power[both].sum() / power.sum()


def test_a_wave_has_one_frequency_and_a_product_of_two_may_have_more():
    found = outliers.waves(np.zeros((400, 28, 28), "float32"), generator())
    single, product = ([in_one_frequency(each) for each in found[part::2]] for part in (1, 0))
    assert min(single) > 0.9 and min(product) < 0.7
    assert in_one_frequency(generator().normal(size=(28, 28))) < 0.5


def test_what_is_zoomed_is_much_too_large_or_much_too_small():
    square = np.zeros((200, 28, 28), "float32")
    square[:, 10:18, 10:18] = 1
    found = outliers.zoomed(square, generator())

    def extent(images):
        """The side of a square as large as all that is bright."""
        return np.sqrt((images > 0.5).sum(axis=(1, 2)))

    ratio = extent(found) / extent(square)
    assert ratio[:100].min() > 1.5 and ratio[100:].max() < 0.6


def test_a_polygon_is_filled_and_leaves_the_rest_black(digits):
    found = outliers.shapes(digits, generator())
    covered = (found > 0).mean(axis=(1, 2))
    assert 0.05 < np.median(covered) < 0.5


def test_what_is_spoilt_is_far_from_the_image(digits):
    found = np.clip(outliers.spoilt(digits, generator()), 0, 1)
    assert np.abs(found - digits).mean(axis=(1, 2)).min() > 0.02
