"""What a training doctor looks for: each symptom is a function of the epochs so far.

An epoch is a dictionary of its figures, as in `history.csv`; the oldest comes first. A symptom
returns a message or None. It also returns None if the figures it needs are missing.
"""

import math

SATURATED = 0.99  # accuracy of a discriminator that a generator cannot learn from
HALVED = 0.5
NARROW = 0.2  # diversity; samples of the data have 1
WHITE_NOISE = 2.0  # roughness
NOISY = 0.75  # of the way from real images to white noise
ROUGH = 1.0  # roughness of real images; noise would not stand out among rougher ones
MANY = 0.1  # fraction of samples that are unlike all real images
SILENT = 0.1  # nats of KL divergence, summed over the latents
CLIPPED = 0.01  # fraction of log-variances
RISEN = 0.01  # fraction of the best validation loss
NOTHING = 0.01  # nats; a loss may vary by this much when everything is learnt
# Figures of images that are unlike all real ones, and what is seen.
OUTSIDE = {
    "brightness_outside": "are brighter or darker",
    "border_outside": "have a brighter or darker border",
    "contrast_outside": "have more or less contrast",
}
SURPRISING = 0.5  # fraction by which the first loss may differ from log V


def saturated_discriminator(epochs):
    """For two epochs, the discriminator has classified nearly all samples correctly."""
    names = ("accuracy_real", "accuracy_fake")
    if not _last(epochs, 2, lambda each: min(each.get(name, 0) for name in names) > SATURATED):
        return None
    return (
        f"The discriminator recognizes {epochs[-1]['accuracy_real']:.0%} of real and "
        f"{epochs[-1]['accuracy_fake']:.0%} of generated samples. It is saturated, and the "
        "generator learns little from it. Try a smaller `discriminator_learning_rate` or smaller "
        "`discriminator_widths`."
    )


def falling_diversity(epochs):
    """Samples have become similar to each other, or have never been different."""
    values = [each["diversity"] for each in epochs if "diversity" in each]
    if not values:
        return None
    best = min(max(values), 1.0)
    fallen = values[-1] < HALVED * best
    if not fallen and not (len(values) > 2 and max(values[-2:]) < NARROW):
        return None
    how = f"has fallen from {best:.2f} to {values[-1]:.2f}" if fallen else f"is {values[-1]:.2f}"
    return (
        f"The diversity of generated samples {how}; real samples have 1. The generator repeats a "
        "few samples (mode collapse). Try `label_smoothing` 0.1, a smaller `learning_rate`, or a "
        "larger `batch_size`."
    )


def noise(real, advice):
    """A symptom: for three epochs, images have been much nearer to white noise than to real ones.

    Args:
        real: roughness of real images.
        advice: what to try.
    """

    def look(epochs):
        bound = real + NOISY * (WHITE_NOISE - real)
        if real > ROUGH or not _last(epochs, 3, lambda each: each.get("roughness", 0) > bound):
            return None
        return (
            "The generated images look like noise. Neighbouring pixels are hardly related: the "
            f"roughness is {epochs[-1]['roughness']:.2f}, that of real images {real:.2f}, and that "
            f"of white noise 2. If more training does not help, try {advice}."
        )

    return look


def unlike_real(advice):
    """A symptom: for three epochs, many images have been unlike any real one, as in `OUTSIDE`."""

    def look(epochs):
        name = max(OUTSIDE, key=lambda name: epochs[-1].get(name, 0))
        if not _last(epochs, 3, lambda each: each.get(name, 0) > MANY):
            return None
        return (
            f"Of the generated images, {epochs[-1][name]:.0%} {OUTSIDE[name]} than any of the "
            f"real ones. If more training does not help, try {advice}."
        )

    return look


def collapsed_latents(warmup_epochs=0):
    """A symptom: for two epochs with the full KL weight, z carries no information in validation."""

    def is_silent(each):
        return each.get("val_active_units", 1) < 1 or each.get("val_kl", 1.0) < SILENT

    def look(epochs):
        if not _last(epochs[math.ceil(warmup_epochs) :], 2, is_silent):
            return None
        return (
            "The latents carry no information about the image "
            f"(KL {epochs[-1]['val_kl']:.2f} nats). The posterior has collapsed to the prior, and "
            "the decoder ignores z. Try `warmup_epochs` 5, `free_bits` 0.1, or a smaller `beta`."
        )

    return look


def clipped_log_variance(epochs):
    """Log-variances are at the bounds that keep exp() finite."""
    fraction = epochs[-1].get("clipped", 0.0)
    if not fraction > CLIPPED:
        return None
    return (
        f"Of all log-variances of the latents, {fraction:.0%} are clipped, so no gradient can "
        "change them. Try a smaller `learning_rate` or a larger `beta`."
    )


def rising_validation(name, sign=1):
    """A symptom: for three epochs, validation has been worse than its best, and training better.

    Args:
        name: name of the metric.
        sign: -1 if higher is better.
    """

    def look(epochs):
        validated = [each for each in epochs if name in each and f"val_{name}" in each]
        losses = [sign * each[f"val_{name}"] for each in validated]
        if len(losses) < 4:
            return None
        best = min(losses)
        index = losses.index(best)
        trains = sign * validated[-1][name] < sign * validated[index][name]
        margin = max(RISEN * abs(best), NOTHING)
        if not trains or not all(loss > best + margin for loss in losses[-3:]):
            return None
        number = int(validated[index].get("epoch", index)) + 1
        return (
            f"val_{name} was best after epoch {number} ({sign * best:.4g}) and is now "
            f"{sign * losses[-1]:.4g}, while training still improves. The model memorizes the "
            f"training data (overfitting). Try `epochs` {number}, more data, or a smaller network."
        )

    return look


def surprising_first_loss(nats, vocabulary_size):
    """A message if the first loss is far from that of a model that predicts all tokens equally."""
    expected = math.log(vocabulary_size)
    if abs(nats - expected) <= SURPRISING * expected:
        return None
    return (
        f"The first loss is {nats:.2f} nats, but an untrained model of {vocabulary_size} tokens "
        f"should have about log {vocabulary_size} = {expected:.2f}. A much higher loss means that "
        "the initial weights are too large; a much lower one, that the model sees its targets."
    )


def _last(epochs, count, holds):
    return len(epochs) >= count and all(map(holds, epochs[-count:]))
