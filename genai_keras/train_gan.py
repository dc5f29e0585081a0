"""Trains a GAN: by default a DCGAN, or one with dense layers."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.gan_options import GANConfig


@command(GANConfig)
def main(config):
    """Trains a GAN: by default a DCGAN, or one with dense layers."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    import keras

    from genai_keras.callbacks.doctor import gan_doctor
    from genai_keras.models.gan import GAN
    from genai_keras.networks.gan import build_gan_networks
    from genai_keras.training.optimizers import learning_rate
    from genai_keras.training.prepare import prepare_run
    from genai_keras.training.run import run_training

    task = config.task()
    data = prepare_run(config, task, GAN.value_range)
    if config.dry_run:
        return
    generator, discriminator = build_gan_networks(
        sample_shape=data.train.element_shape, classes=data.train.classes or 0, **config.networks()
    )
    gan = GAN(generator, discriminator, config.ema, config.instance_noise, seed=config.seed)
    steps = config.epochs * data.train.steps_per_epoch
    rates = config.learning_rate, config.discriminator_learning_rate or config.learning_rate
    gan.compile(
        *(
            keras.optimizers.Adam(learning_rate(config, rate, steps), beta_1=config.beta_1)
            for rate in rates
        ),
        label_smoothing=config.label_smoothing,
        accumulate=config.accumulate,
    )
    doctor = gan_doctor(config.run_dir, data.validation, config.verbose)
    run_training(gan, data, config, callbacks=[*task.callbacks(data), doctor])


if __name__ == "__main__":
    sys.exit(main())
