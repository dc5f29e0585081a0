"""Distributions of pixels, given the outputs of a decoder, with exact log-likelihoods in nats.

Both are small classes with the same methods. `parameters` is the number of outputs per channel.
"""

from keras import ops

PIXEL_AXES = (-3, -2, -1)
LEAST_LOG_SCALE = -7.0  # for pixels in [0, 1]; smaller scales only cause overflow


class Bernoulli:
    """Pixels that are 0 or 1; the decoder outputs one logit for each.

    Only binary pixels have a likelihood here: the cross-entropy of a grey value is not one.
    """

    name = "bernoulli"
    parameters = 1

    def log_prob(self, pixels, outputs):
        """log p(x | z), summed over pixels: `(..., height, width, channels)` -> `(...)`."""
        return ops.sum(pixels * outputs - ops.softplus(outputs), axis=PIXEL_AXES)

    def mean(self, outputs):
        """The probability of a 1 at each pixel."""
        return ops.sigmoid(outputs)


class DiscretizedLogistic:
    """Pixels that are one of 256 grey values or colour strengths, k / 255.

    The probability of a value is that of its bin under a logistic distribution; the first and the
    last bin extend to infinity. The decoder outputs a location and a log-scale per channel.

    Reference: Kingma et al. 2016, https://arxiv.org/abs/1606.04934
    """

    name = "logistic"
    parameters = 2

    def log_prob(self, pixels, outputs):
        """log p(x | z), summed over pixels and channels; outputs have twice the channels."""
        location, log_scale = ops.split(outputs, 2, axis=-1)
        log_scale = ops.clip(log_scale, LEAST_LOG_SCALE, 7.0)
        half_bin = 0.5 / 255.0
        upper = (pixels + half_bin - location) * ops.exp(-log_scale)
        lower = (pixels - half_bin - location) * ops.exp(-log_scale)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which never cancels.
        width = 2.0 * half_bin * ops.exp(-log_scale)
        below_upper, above_lower = -ops.softplus(-upper), -ops.softplus(lower)
        inside = below_upper + above_lower + ops.log(-ops.expm1(-width))
        log_mass = ops.where(
            pixels < half_bin,
            below_upper,
            ops.where(pixels > 1.0 - half_bin, above_lower, inside),
        )
        return ops.sum(log_mass, axis=PIXEL_AXES)

    def mean(self, outputs):
        """The location at each pixel, within [0, 1]."""
        location, _ = ops.split(outputs, 2, axis=-1)
        return ops.clip(location, 0.0, 1.0)


LIKELIHOODS = {each.name: each for each in (Bernoulli, DiscretizedLogistic)}
