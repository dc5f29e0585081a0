"""Where a Transformer looks: its attention weights as images."""

import numpy as np

from genai_keras.callbacks.images import EpochImage
from genai_keras.plots.attention import attention_image


class AttentionMaps(EpochImage):
    """The attention weights of each block and head for one example: `samples/attention_0001.png`.

    Args:
        run_dir: the run folder.
        inputs: the model's inputs, for one example.
        queries: a label for each query, from top to bottom.
        keys: a label for each key, from left to right.
        doing: what the model does with the label of a query, "reading" or "writing".
        of: which attention of the decoder to draw, "attention" or "cross_attention".
    """

    def __init__(self, run_dir, inputs, queries, keys, doing="reading", of="attention"):
        super().__init__(run_dir, "attention", stem="attention")
        self.inputs = inputs
        self.queries = queries
        self.keys = keys
        self.doing = doing
        self.of = of

    def draw(self, logs):
        weights = self.model.attention_weights(self.inputs)[self.of]
        maps = np.array(weights[:, 0])  # (blocks, heads, query, key)
        return attention_image(maps, self.queries, self.keys, self.doing)
