"""Trains a GAN: a DCGAN on images by default, or one of dense layers."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.image_options import GANConfig
from genai_keras.errors import UsageError, UserError


@command(GANConfig)
def main(config):
    """Trains a GAN: a DCGAN on images by default, or one of dense layers."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    import keras

    from genai_keras.callbacks.density import DensityPlot
    from genai_keras.callbacks.doctor import gan_doctor
    from genai_keras.callbacks.images import ImageGrid
    from genai_keras.data.images import load_images
    from genai_keras.data.toy import GaussianMixture, load_mixture
    from genai_keras.models.gan import GAN
    from genai_keras.training.optimizers import learning_rate
    from genai_keras.training.run import prepare_run, run_training

    if config.dataset == "mixture":
        config.check_unused("conditional", "data_dir", "image_size", "channels")
        if config.network == "dcgan":
            raise UsageError("a dcgan makes images, and mixture has none: use --preset dense-1d")
    prepare_run(config)
    if config.dataset == "mixture":
        train, validation = load_mixture(config.batch_size, config.seed, config.limit)
        picture = DensityPlot(config.run_dir, GaussianMixture(), seed=config.seed)
    else:
        train, validation = load_images(**config.source())
        picture = ImageGrid(config.run_dir, seed=config.seed, low=config.low)
    generator, discriminator = build_networks(config, train.element_shape, train.classes or 0)
    gan = GAN(generator, discriminator, ema_decay=config.ema, seed=config.seed)
    discriminator_rate = config.discriminator_learning_rate or config.learning_rate
    steps = config.epochs * train.steps_per_epoch
    gan.compile(
        *(
            keras.optimizers.Adam(learning_rate(config, rate, steps), beta_1=config.beta_1)
            for rate in (config.learning_rate, discriminator_rate)
        ),
        label_smoothing=config.label_smoothing,
    )
    doctor = gan_doctor(config, validation)
    run_training(gan, train, validation, config, callbacks=[picture, doctor])


def build_networks(config, sample_shape, classes=0):
    """Builds the generator and the discriminator that a config asks for."""
    from genai_keras.networks import dcgan, dense

    if config.network == "dense":
        is_picture = len(sample_shape) == 3
        generator = dense.build_dense_generator(
            config.latent_dim,
            sample_shape,
            config.generator_widths,
            output_activation="tanh" if is_picture else None,
            normalize=True,  # without it `mlp` and `dense-1d` leave modes out
            classes=classes,
        )
        return generator, dense.build_dense_discriminator(
            sample_shape, config.discriminator_widths, classes
        )
    try:
        return (
            dcgan.build_dcgan_generator(
                config.latent_dim,
                sample_shape,
                config.generator_widths,
                config.generator_kernel,
                classes,
            ),
            dcgan.build_dcgan_discriminator(
                sample_shape, config.discriminator_widths, config.discriminator_kernel, classes
            ),
        )
    except UserError as error:  # a size that is no multiple of what the widths ask for
        raise UsageError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
