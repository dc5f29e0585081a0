"""What is said of images before training: each warning when it is due, and only then."""

import io

import numpy as np
import pytest
from PIL import Image

from genai_keras.data.image_checks import in_unit, warnings_about_images
from genai_keras.data.images import load_images


def noise(count, seed, low=0.0, high=1.0, shape=(16, 16, 1)):
    return np.random.default_rng(seed).uniform(low, high, (count, *shape)).astype("float32")


def scenes(count, seed, side=256):
    """Smooth images in colour, as photographs are; no two are alike."""
    values = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 3), "uint8")
    return [Image.fromarray(each).resize((side, side), Image.BICUBIC) for each in values]


def arrays(images):
    """Scaled to 32 x 32 pixels, as they are read."""
    small = [np.asarray(each.resize((32, 32), Image.BOX)) for each in images]
    return np.stack(small) / np.float32(255)


def saved_again(image, quality=75):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def about(train, validation):
    return list(warnings_about_images(train, validation))


def the_only_one(train, validation):
    (warning,) = about(train, validation)
    return warning


@pytest.mark.parametrize("value", [0, 77, 255])
def test_images_of_one_value(value):
    same = np.full((20, 8, 8, 3), value / 255, "float32")
    assert f"all images are of one value, {value} of 255" in about(same[:18], same[18:])[0]


@pytest.mark.parametrize("low", [0, 100, 195])
def test_little_contrast_is_told_with_the_values(low):
    """An eighth of the range is warned of, wherever it lies, and a third is not."""
    low /= 255
    flat, good = (
        [noise(200, seed, low, low + width) for seed in (0, 1)] for width in (0.125, 1 / 3)
    )
    said = the_only_one(*flat)
    first, last = round(255 * low), round(255 * (low + 0.125))
    assert f"only the values {first} to {last} of 0 to 255" in said
    if low < 0.6:  # the rest would be beyond white
        assert about(*good) == []


@pytest.mark.parametrize(("bits", "most", "factor"), [(4, 15, 17), (1, 1, 255), (2, 3, 85)])
def test_images_that_look_black_are_told_once_with_the_factor_that_mends_them(bits, most, factor):
    """As colours of 12 bits in 16, in which only the higher byte is read; or numbers of classes."""
    levels = np.random.default_rng(0).integers(0, 2**bits, (2, 40, 8, 8, 3))
    said, *others = about(*(levels / 255).astype("float32"))
    assert not others or most < 4  # of which thumbnails look alike
    assert f"values 0 to {most} of 0 to 255" in said and "look black" in said
    assert f"multiply {factor} out.png" in said
    assert about(*(levels * factor / 255).astype("float32")) == []


def test_a_few_bright_pixels_do_not_hide_little_contrast():
    train = noise(200, 0, 0.4, 0.5)
    train[0, 0, :4] = 1
    train[1, 0, :4] = 0
    assert "hardly any contrast" in the_only_one(train, noise(20, 1, 0.4, 0.5))


def test_digits_with_few_white_pixels_have_contrast():
    """A white dot of two pixels in 256, elsewhere in each image, is what there is to learn."""
    train = np.zeros((200, 16, 16, 1), "float32")
    x, y = np.random.default_rng(0).integers(0, 15, (2, 200))
    for image, row, column in zip(train, y, x, strict=True):
        image[row, column : column + 2] = 1
    assert not any("contrast" in each or "value" in each for each in about(train, noise(20, 1)))


def test_images_that_are_nearly_equal():
    one = noise(1, 0)
    nearly = np.clip(one + noise(100, 1, -0.005, 0.005), 0, 1)
    assert "all images are nearly equal" in about(nearly[:90], nearly[90:])[0]
    different = np.clip(one + noise(100, 1, -0.1, 0.1), 0, 1)
    assert about(different[:90], different[90:]) == []


def test_one_training_image_is_not_called_nearly_equal():
    assert about(noise(1, 0), noise(1, 1)) == []


@pytest.mark.parametrize("quality", [60, 90])
def test_jpegs_that_are_saved_again_and_lie_in_both_parts(quality):
    images = scenes(100, 0)
    train, new = arrays(images), arrays(scenes(30, 1))
    again = arrays([saved_again(each, quality) for each in images[:10]])
    said = the_only_one(train, np.concatenate([new, again]))
    assert "25% of the validation images look like one for training" in said  # 10 of 40
    assert about(train, new) == []


def test_smaller_copies_as_a_messenger_makes_them():
    images = scenes(100, 0)
    copies = arrays([saved_again(each.resize((160, 160))) for each in images[:20]])
    assert "100% of the validation images" in the_only_one(arrays(images), copies)


def test_one_copy_among_many_is_no_warning():
    train, new = noise(100, 0), noise(40, 1)
    new[0] = train[5]
    assert about(train, new) == []
    new[1:3] = train[6:8]  # now it is more than one in twenty
    assert "8% of the validation images" in the_only_one(train, new)


@pytest.mark.parametrize("count", [1, 19])
def test_among_few_images_one_copy_is_no_warning_and_two_are(count):
    train, new = noise(100, 0), noise(count, 1)
    new[0] = train[5]
    assert about(train, new) == []
    new = np.concatenate([new, train[6:7]])
    assert f"{2 / len(new):.0%} of the validation images" in the_only_one(train, new)


def test_noise_is_no_warning():
    for channels in (1, 3):
        shape = (20, 12, channels)
        assert about(noise(300, 0, shape=shape), noise(60, 1, shape=shape)) == []


@pytest.mark.parametrize(
    ("value_range", "binarize"), [((0, 1), False), ((0, 1), True), ((-1, 1), False)]
)
def test_digits_are_no_warning(value_range, binarize):
    """They are judged as they were read, not as a model of black and white draws them."""
    parts = load_images("mnist5k", value_range=value_range, binarize=binarize)
    train, validation = (in_unit(part, 500, value_range) for part in parts)
    plain, _ = load_images("mnist5k", value_range=(0, 1))
    np.testing.assert_allclose(train, plain.first(500), atol=1e-6)
    assert len(np.unique(train)) > 2
    assert about(train, validation) == []
