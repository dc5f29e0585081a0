"""The pairs of networks for `train_vae`."""

from genai_keras.networks import conv_vae, dense


def build_vae_networks(
    network,
    image_shape,
    outputs,
    latent_dim,
    widths,
    dense_units=256,
    kernel_size=4,
    activation="elu",
    classes=0,
):
    """Builds an encoder and a decoder that fit each other.

    Args:
        network: "conv" or "dense".
        image_shape: `(height, width, channels)`.
        outputs: number of outputs of the decoder per pixel.
        latent_dim: length of z.
        widths: channels (conv) or units (dense) of the encoder; the decoder mirrors them.
        dense_units: units of the dense layer between convolutions and z.
        kernel_size: side of the convolution kernels.
        activation: activation of the hidden layers.
        classes: number of classes of a second, one-hot input of both; 0 means no such input.

    Returns:
        Two `keras.Model`s, from `conv_vae.py` or `dense.py`.
    """
    if network == "dense":
        return (
            dense.build_dense_encoder(image_shape, latent_dim, widths, activation, classes),
            dense.build_dense_decoder(
                latent_dim, (*image_shape[:2], outputs), widths[::-1], activation, classes
            ),
        )
    shared = {
        "widths": widths,
        "dense_units": dense_units,
        "kernel_size": kernel_size,
        "activation": activation,
        "classes": classes,
    }
    return (
        conv_vae.build_conv_encoder(image_shape, latent_dim, **shared),
        conv_vae.build_conv_decoder(latent_dim, image_shape, outputs, **shared),
    )
