"""The reparameterization trick: sampling with gradients."""

import keras
from keras import ops

from genai_keras import replicas


@keras.saving.register_keras_serializable(package="genai_keras")
class Reparameterization(keras.layers.Layer):
    """Draws z = mean + exp(log_variance / 2) * epsilon, with epsilon from N(0, 1).

    Args:
        seed: seed of epsilon.
        low: the lowest log-variance; smaller ones are clipped to it. exp(-14 / 2) = 0.0009.
        high: the highest log-variance; exp(14 / 2) = 1,097.
        own_part: whether replicas of a model, if there are several, have different rows (training),
            or all of them the same (validation).

    Call arguments:
        mean: `(batch, latent_dim)`.
        log_variance: `(batch, latent_dim)`.
        samples: number of z to draw for each row.

    Returns:
        `(samples, batch, latent_dim)`.

    Reference: Kingma and Welling 2014, https://arxiv.org/abs/1312.6114
    """

    def __init__(self, seed=0, low=-14.0, high=14.0, own_part=True, **kwargs):
        kwargs.setdefault("dtype", "float32")  # densities of z are differences of large numbers
        super().__init__(**kwargs)
        self.seed = seed
        self.low = low
        self.high = high
        self.own_part = own_part
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, *input_shapes):
        """Does nothing, because there are no weights."""

    def call(self, mean, log_variance, samples=1):
        def draw(shape):
            return keras.random.normal(shape, seed=self.seed_generator, dtype=mean.dtype)

        shape = samples, *ops.shape(mean)
        epsilon = replicas.own_part(draw, shape, axis=1) if self.own_part else draw(shape)
        return mean + ops.exp(0.5 * self.clip(log_variance)) * epsilon

    def clip(self, log_variance):
        """The log-variance used for z, which a divergence must use, too."""
        return ops.clip(log_variance, self.low, self.high)

    def get_config(self):
        names = "seed", "low", "high", "own_part"
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
