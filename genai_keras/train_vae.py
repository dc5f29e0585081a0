"""Trains a variational autoencoder, convolutional by default."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.vae_options import VAEConfig


@command(VAEConfig)
def main(config):
    """Trains a variational autoencoder, convolutional by default."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    import keras

    from genai_keras.callbacks.latents import vae_callbacks
    from genai_keras.evaluation.likelihood import likelihood_line
    from genai_keras.likelihoods import LIKELIHOODS
    from genai_keras.models.vae import VAE
    from genai_keras.networks.vae import build_vae_networks
    from genai_keras.training.optimizers import learning_rate
    from genai_keras.training.prepare import prepare_run
    from genai_keras.training.run import run_training

    task = config.task()
    data = prepare_run(config, task, VAE.value_range)
    if config.dry_run:
        return
    shape, likelihood = data.train.element_shape, LIKELIHOODS[config.likelihood]
    encoder, decoder = build_vae_networks(
        image_shape=shape,
        outputs=likelihood.parameters * shape[-1],
        classes=data.train.classes or 0,
        **config.networks(),
    )
    steps_per_epoch = data.train.steps_per_epoch
    vae = VAE(
        encoder,
        decoder,
        config.likelihood,
        beta=config.beta,
        warmup_steps=round(config.warmup_epochs * steps_per_epoch),
        free_bits=config.free_bits,
        importance_samples=config.importance_samples,
        seed=config.seed,
    )
    steps = config.epochs * steps_per_epoch
    adam = keras.optimizers.Adam(learning_rate(config, config.learning_rate, steps))
    vae.compile(adam, accumulate=config.accumulate)
    own = vae_callbacks(config.run_dir, data.validation, config.warmup_epochs, config.verbose)
    run_training(vae, data, config, callbacks=[*task.callbacks(data), *own])
    if config.evaluate:
        print(likelihood_line(vae, data.validation, config.evaluate, config.evaluation_samples))


if __name__ == "__main__":
    sys.exit(main())
