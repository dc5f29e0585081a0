"""The curves of a run."""

import keras


class EpochTensorBoard(keras.callbacks.TensorBoard):
    """Keras' own, for epochs only.

    The original prepares a summary of every metric at each training step and throws it away unless
    `update_freq` asks for it; for a small model that is 4 % of a step.
    """

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch)
