"""Trains a variational autoencoder, convolutional by default, on images."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.image_options import VAEConfig
from genai_keras.errors import UsageError

SHOWN = 1_000  # validation images that the callbacks look at; the first few are drawn


@command(VAEConfig)
def main(config):
    """Trains a variational autoencoder, convolutional by default, on images."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    import keras
    import numpy as np

    from genai_keras.callbacks.doctor import vae_doctor
    from genai_keras.callbacks.latents import LatentSpace, Projector, Reconstructions
    from genai_keras.callbacks.images import ImageGrid
    from genai_keras.data.images import load_images
    from genai_keras.evaluation.likelihood import importance_weighted_log_likelihood
    from genai_keras.likelihoods import LIKELIHOODS
    from genai_keras.models.vae import VAE
    from genai_keras.training.optimizers import learning_rate
    from genai_keras.training.run import prepare_run, run_training

    check_objective(config)
    prepare_run(config)
    train, validation = load_images(**config.source())
    likelihood = "bernoulli" if config.binarizes else "logistic"
    encoder, decoder = build_networks(
        config, train.element_shape, LIKELIHOODS[likelihood].parameters, train.classes or 0
    )
    vae = VAE(
        encoder,
        decoder,
        likelihood,
        beta=config.beta,
        warmup_steps=round(config.warmup_epochs * train.steps_per_epoch),
        free_bits=config.free_bits,
        importance_samples=config.importance_samples,
        seed=config.seed,
    )
    steps = config.epochs * train.steps_per_epoch
    vae.compile(keras.optimizers.Adam(learning_rate(config, config.learning_rate, steps)))
    shown = validation.first(SHOWN)
    labels = None if validation.labels is None else validation.labels[: len(shown)]
    given = labels if config.conditional else None
    run_training(
        vae,
        train,
        validation,
        config,
        callbacks=[
            ImageGrid(config.run_dir, seed=config.seed, low=config.low),
            Reconstructions(config.run_dir, shown, given),
            LatentSpace(config.run_dir, shown, given),
            Projector(config.run_dir, shown, labels),
            vae_doctor(config, shown, given),
        ],
    )
    if config.evaluate:
        found = importance_weighted_log_likelihood(
            vae,
            validation.first(config.evaluate),
            samples=config.evaluation_samples,
            labels=validation.labels[: config.evaluate] if config.conditional else None,
        )
        error = found.std() / np.sqrt(len(found))
        print(
            f"log p(x{' | label' if config.conditional else ''}) {found.mean():.2f} +- {error:.2f} "
            f"nats: {config.evaluation_samples} "
            f"importance samples, {len(found)} validation samples"
        )


def check_objective(config):
    """What the options cannot all have at once."""
    if config.importance_samples > 1 and (
        config.beta != 1.0 or config.warmup_epochs or config.free_bits
    ):
        raise UsageError(
            "--beta, --warmup-epochs and --free-bits weigh a KL term, which the bound of "
            "--importance-samples does not have: leave one or the other out"
        )


def build_networks(config, image_shape, parameters, classes=0):
    """Builds the encoder and the decoder that a config asks for.

    Args:
        config: a `VAEConfig`.
        image_shape: `(height, width, channels)`.
        parameters: outputs of the decoder a channel.
        classes: of labels, 0 if the VAE is not conditional.
    """
    from genai_keras.networks import conv_vae, dense

    outputs = parameters * image_shape[-1]
    if config.network == "dense":
        return (
            dense.build_dense_encoder(
                image_shape, config.latent_dim, config.widths, config.activation, classes
            ),
            dense.build_dense_decoder(
                config.latent_dim,
                (*image_shape[:2], outputs),
                config.widths[::-1],
                config.activation,
                classes,
            ),
        )
    shared = {
        "widths": config.widths,
        "dense_units": config.dense_units,
        "kernel_size": config.kernel_size,
        "activation": config.activation,
        "classes": classes,
    }
    return (
        conv_vae.build_conv_encoder(image_shape, config.latent_dim, **shared),
        conv_vae.build_conv_decoder(config.latent_dim, image_shape, outputs, **shared),
    )


if __name__ == "__main__":
    sys.exit(main())
