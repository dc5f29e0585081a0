"""Transformers from token ids to states (encoder) and to logits (decoder).

Unlike the other networks, these are classes: a fixed graph of layers does not allow the different
calls of a decoder with a cache.
"""

import keras
from keras import ops

from genai_keras.layers.transformer import DecoderBlock, EncoderBlock
from genai_keras.networks.transformer_stack import TransformerStack

USUAL_WIDTH = 128  # up to here, the logit of the own token is below 2


@keras.saving.register_keras_serializable(package="genai_keras")
class TransformerEncoder(TransformerStack):
    """Turns token ids into states, each of which depends on all tokens.

    Args:
        vocabulary_size: number of tokens.
        context_length: largest number of tokens in a sequence.
        width: width of the embeddings and states.
        num_layers: number of blocks.
        num_heads: number of attention heads; must divide `width`.
        hidden_units: hidden units in each block; None is four times the width.
        dropout: dropout rate of embeddings, branches and attention weights.
        activation: "gelu" or "relu", for the hidden units.
        norm_first: True for pre-norm, False for post-norm as in the paper.
        positions: "learned", or "sinusoidal" as in the paper.

    Call arguments:
        tokens: `(batch, length)` int.
        padding_mask: `(batch, length)` bool, False for padding.

    Returns:
        `(batch, length, width)`.

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
    """

    def call(self, tokens, padding_mask=None, training=False):
        x = self._embed(tokens, 0, training)
        for block in self.blocks:
            x = block(x, padding_mask=padding_mask, training=training)
        return self.last_norm(x) if self.last_norm else x

    def _block(self, name):
        return EncoderBlock(**self._block_arguments(name))


@keras.saving.register_keras_serializable(package="genai_keras")
class TransformerDecoder(TransformerStack):
    """Turns token ids into the logits of each next token, which depend on no later token.

    The last matrix is the embedding table (tied weights). The initialization is that of GPT:
    N(0, 0.02), divided by the square root of the number of branches for matrices that end a branch.
    Unlike there, the gain of the last norm begins at 128 / width if the width is larger than 128. A
    state contains the row of its own token, whose logit otherwise grows with the width: a wide
    network would begin by being sure that each token is repeated.

    Args:
        vocabulary_size, context_length, ...: as in `TransformerEncoder`.
        cross_attention: whether to attend to the states of an encoder, too.
        start_token: whether there is one more token, `vocabulary_size`, that begins sequences and
            is never predicted.

    Call arguments:
        tokens: `(batch, length)` int.
        memory: states of an encoder, `(batch, source, width)`, or their result from `project`.
        padding_mask: `(batch, length)` bool, False for padding in `tokens`.
        memory_padding_mask: `(batch, source)` bool, False for padding in the source.
        cache: cache from `new_cache`, to continue after the tokens seen before.
        position: position of the first token, 0 <= position <= context_length - length.

    Returns:
        `(batch, length, vocabulary_size)` float32; with a cache, this and the new cache.

    Reference: Radford et al. 2019 (GPT-2); tied weights: Press and Wolf 2017,
        https://arxiv.org/abs/1608.05859
    """

    def __init__(self, *args, cross_attention=False, start_token=False, **kwargs):
        self.cross_attention = cross_attention
        self.has_start_token = start_token
        self.branches_per_block = 3 if cross_attention else 2
        super().__init__(*args, **kwargs)

    @property
    def rows(self):
        return self.vocabulary_size + self.has_start_token

    @property
    def first_gain(self):
        # Not less at smaller widths: with 0.4 instead of 1, the default dates were not learnt.
        return min(1.0, USUAL_WIDTH / self.width)

    def call(
        self,
        tokens,
        memory=None,
        padding_mask=None,
        memory_padding_mask=None,
        cache=None,
        position=0,
        training=False,
    ):
        found = self.states(
            tokens, memory, padding_mask, memory_padding_mask, cache, position, training
        )
        if cache is None:
            return self.logits(found)
        states, cache = found
        return self.logits(states), cache

    def states(
        self,
        tokens,
        memory=None,
        padding_mask=None,
        memory_padding_mask=None,
        cache=None,
        position=0,
        training=False,
    ):
        """The states before the logits, `(batch, length, width)`, and the cache if there is one."""
        x = self._embed(tokens, position, training)
        new_cache = []
        for index, block in enumerate(self.blocks):
            x = block(
                x,
                memory=memory[index] if isinstance(memory, (tuple, list)) else memory,
                padding_mask=padding_mask,
                memory_padding_mask=memory_padding_mask,
                cache=None if cache is None else cache[index],
                position=position,
                training=training,
            )
            if cache is not None:
                x, kept = x
                new_cache.append(kept)
        if self.last_norm:
            x = self.last_norm(x)
        return x if cache is None else (x, new_cache)

    def logits(self, states):
        """Logits `(..., vocabulary_size)` from states `(..., width)` with any leading shape."""
        table = ops.cast(self.embedding.embeddings[: self.vocabulary_size], states.dtype)
        return ops.cast(ops.matmul(states, ops.transpose(table)), "float32")

    def new_cache(self, batch_size):
        """An empty cache for a whole context: keys and values for each block."""
        return [block.attention.new_cache(batch_size, self.context_length) for block in self.blocks]

    def project(self, memory):
        """Keys and values of the states of an encoder for each block, computed once per target."""
        return [block.cross_attention.keys_and_values(memory) for block in self.blocks]

    def _block(self, name):
        return DecoderBlock(**self._block_arguments(name), cross_attention=self.cross_attention)

    def get_config(self):
        return {
            **super().get_config(),
            "cross_attention": self.cross_attention,
            "start_token": self.has_start_token,
        }
