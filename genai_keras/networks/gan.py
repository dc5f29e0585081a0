"""The pairs of networks for `train_gan`."""

from genai_keras.networks import dcgan, dense


def build_gan_networks(
    network,
    sample_shape,
    latent_dim,
    generator_widths,
    discriminator_widths,
    generator_kernel=4,
    discriminator_kernel=5,
    dense_units=256,
    classes=0,
):
    """Builds a generator and a discriminator that fit each other.

    Args:
        network: "dcgan" (convolutions for images) or "dense".
        sample_shape: shape of a sample, such as `(28, 28, 1)` or `(1,)`.
        latent_dim: length of the noise vector.
        generator_widths, discriminator_widths: channels (dcgan) or units (dense) of each hidden
            layer.
        generator_kernel, discriminator_kernel: side of the convolution kernels.
        dense_units: units of the dense layer of a dcgan's discriminator; 0 for none.
        classes: number of classes of a second, one-hot input of both; 0 means no such input.

    Returns:
        Two `keras.Model`s, from `dcgan.py` or `dense.py`.
    """
    if network == "dense":
        return (
            dense.build_dense_generator(
                latent_dim,
                sample_shape,
                generator_widths,
                output_activation="tanh" if len(sample_shape) == 3 else None,
                normalize=True,  # without it, `mlp` and `dense-1d` miss modes
                classes=classes,
            ),
            dense.build_dense_discriminator(sample_shape, discriminator_widths, classes),
        )
    return (
        dcgan.build_dcgan_generator(
            latent_dim, sample_shape, generator_widths, generator_kernel, classes
        ),
        dcgan.build_dcgan_discriminator(
            sample_shape, discriminator_widths, discriminator_kernel, classes, dense_units
        ),
    )
