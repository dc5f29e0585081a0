# %% [markdown]
# # Chapter 5: attention, from a dense layer to a Transformer block
#
# **What you will learn**
# - what attention can do for a sequence that a dense layer cannot;
# - queries, keys and values, worked out in NumPy and then found again in the layer;
# - the causal mask, and positions;
# - the Transformer block, and an encoder-decoder that learns to sort.

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from genai_keras.callbacks.attention import AttentionMaps
from genai_keras.callbacks.text import Translations
from genai_keras.data.pairs import encode_sources, load_pairs
from genai_keras.layers.attention import MultiHeadAttention, make_attention_mask
from genai_keras.layers.positions import SinusoidalPositions, sinusoids
from genai_keras.layers.transformer import EncoderBlock
from genai_keras.models.seq2seq import Seq2Seq
from genai_keras.networks.transformer import TransformerDecoder, TransformerEncoder
from genai_keras.course.notebook import (
    Progress,
    explore,
    new_run,
    plot_history,
    setting,
    show_source,
    show_tensorboard,
)
from genai_keras.plots.attention import attention_image
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# A sequence is an array `(batch, length, width)`: a vector of `width` numbers at each position. Our
# data are lists of six digits, and the same digits sorted. Each character is a token, an integer. 0
# is padding, and 1 ends a target.

# %%
pairs = load_pairs("sort", batch_size=64)
source, target = next(iter(pairs.train.shuffled()))
print("source", source.shape, "target", target.shape)
for row in range(3):
    print(source[row].numpy(), "->", target[row].numpy())
print("as text:", pairs.validation_texts[0])

# %% [markdown]
# A dense layer works on each position alone: the output at one position does not depend on the
# others. Change the last position and see where the output changes.

# %%
rng = np.random.default_rng(0)
x = rng.normal(size=(1, 5, 8)).astype("float32")  # (batch, length, width)
changed = x.copy()
changed[0, 4] += 1.0
dense = keras.layers.Dense(8)
attention = MultiHeadAttention(num_heads=1)
for name, layer in (("dense", dense), ("attention", attention)):
    difference = np.abs(layer(changed) - layer(x)).max(axis=-1)[0]
    print(f"{name:10}", difference.round(4))

# %% [markdown]
# To sort, the first output has to know the smallest of all digits. No stack of such dense layers
# can do that. Attention moves information between positions.
#
# ## The network
#
# ### Attention by hand
#
# Three matrices turn each position into a **query** (what it looks for), a **key** (what it is
# found by) and a **value** (what it hands over). The layer stores the three side by side in one
# matrix. We take it apart.

# %%
width = 8
kernels = np.split(attention.kernel.numpy(), 3, axis=1)  # three of (width, width)
query, key, value = (x[0] @ kernel for kernel in kernels)  # (length, width) each
scores = query @ key.T / np.sqrt(width)  # (query, key): how well does each key fit each query?
weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
weights /= weights.sum(axis=-1, keepdims=True)  # softmax: each row sums to 1
mixed = weights @ value  # (length, width): each position's mean of the values
by_hand = mixed @ attention.output_kernel.numpy()
print("weights, a row for each query:")
print(weights.round(2))
print("largest difference to the layer:", np.abs(by_hand - attention(x)[0]).max())

# %% [markdown]
# Why divide by $\sqrt{\text{width}}$? The dot product of two random vectors, each of $d$ numbers
# with variance 1, has variance $d$. Without the division, wide vectors would have large scores, the
# softmax would pick one key, and its gradient would almost vanish.
#
# Move the slider: it multiplies the scores. At 0, each query takes the mean of all values; at large
# factors, it takes the value of one key. (The strip is for pages on which sliders do not work.)


# %%
def sharper(factor):
    raised = np.exp(factor * (scores - scores.max(axis=-1, keepdims=True)))
    maps = raised / raised.sum(axis=-1, keepdims=True)
    grey = (255 * maps).astype("uint8").repeat(32, axis=0).repeat(32, axis=1)
    return np.stack([grey] * 3, axis=-1)


explore(sharper, factor=(0.0, 20.0))

# %% [markdown]
# ### The causal mask
#
# A model that writes must not look at what it has not written yet. The scores of later keys are
# replaced by -1e9 before the softmax, so their weights are exactly 0. Check that a change at
# position 3 changes nothing before it:

# %%
print(make_attention_mask(5, 5, causal=True)[0, 0].numpy().astype(int))
later = x.copy()
later[0, 3] += 1.0
difference = np.abs(attention(later, causal=True) - attention(x, causal=True)).max(axis=-1)[0]
print("change at each position:", difference.round(4))

# %% [markdown]
# ### Positions
#
# Attention is a mean, and a mean ignores order: shuffle the positions, and you get the same
# outputs, shuffled in the same way. So each position has to be added to the vector there, as sines
# and cosines of many wavelengths.

# %%
order = [3, 0, 4, 1, 2]
shuffled = x[:, order]
print("without positions:", np.abs(attention(shuffled)[0] - np.array(attention(x)[0])[order]).max())
positions = SinusoidalPositions(length=16)
moved = attention(positions(shuffled))[0] - np.array(attention(positions(x))[0])[order]
print("with positions:   ", np.abs(moved).max())
plt.figure(figsize=(6, 2.6))
plt.imshow(sinusoids(40, 64), cmap="coolwarm", aspect="auto")
plt.xlabel("feature")
plt.ylabel("position")
plt.colorbar()
plt.show()

# %% [markdown]
# ### The block
#
# A Transformer block consists of attention, which mixes positions, and a dense network, which works
# on each position. Both have a residual connection: each branch adds to its input, so gradients
# have a direct path through a deep stack. Each branch begins with a layer normalization.

# %%
show_source(EncoderBlock.call)

# %%
block = EncoderBlock(num_heads=2, hidden_units=32)
print(x.shape, "->", block(x).shape, f"{block.count_params():,} weights")

# %% [markdown]
# An encoder made of such blocks reads the source. A decoder writes the target. Its blocks have a
# second attention, whose queries come from the target and whose keys and values come from the
# encoder ("cross-attention").

# %%
(source_length,), (target_length,) = pairs.train.element_shape
sizes = {"width": 32, "num_layers": 1, "num_heads": 4, "hidden_units": 100}
encoder = TransformerEncoder(
    pairs.source_tokenizer.vocabulary_size, source_length, **sizes, positions="sinusoidal"
)
decoder = TransformerDecoder(
    pairs.target_tokenizer.vocabulary_size,
    target_length,
    **sizes,
    positions="sinusoidal",
    cross_attention=True,
    start_token=True,
)
model = Seq2Seq(encoder, decoder)
steps = setting(1_500, fast=20)
rate = keras.optimizers.schedules.CosineDecay(
    0.0, steps, alpha=0.05, warmup_target=5e-3, warmup_steps=steps // 15
)
model.compile(keras.optimizers.AdamW(rate, global_clipnorm=1.0))
logits = model((source, target))
print("logits", logits.shape, f"{model.count_params():,} weights")

# %% [markdown]
# ## One training step by hand
#
# During training, the decoder gets the true target and predicts each token from those before it.
# The loss is $-\log p(\text{next token})$, in nats, averaged over all tokens except padding.
#
# **Before you run the next cell, guess:** there are 13 tokens, and an untrained model finds them
# all about equally likely. What is its loss?

# %%
log_p = tf.nn.log_softmax(logits).numpy()  # (batch, length, vocabulary)
chosen = np.take_along_axis(log_p, target.numpy()[..., None], axis=-1)[..., 0]
real = target.numpy() != 0
print(f"by hand   {-chosen[real].mean():.4f} nats")
print(
    f"the model {float(model.test_step((source, target))['nats']):.4f}; log 13 = {np.log(13):.4f}"
)

# %%
show_source(Seq2Seq.train_step, Seq2Seq.gradients)

# %%
model.reset_metrics()
model.train_step((source, target))
print(
    "learning rate of the first step:", float(rate(0)), "- the warm-up begins at 0: nothing moves"
)
model.reset_metrics()
for _ in range(10):
    model.train_step((source, target))
model.reset_metrics()
print(f"the same batch after ten more: {float(model.test_step((source, target))['nats']):.4f} nats")

# %% [markdown]
# ## A short `fit`
#
# Every batch has new lists. There are a million lists, and the model sees fewer than a tenth of
# them. Another 5,000 are held out for validation. After each epoch the model sorts six of those; the
# right answers are in brackets.

# %%
run = new_run("chapter5")
held_out, answers = pairs.validation.first(1_000)
names = [pairs.source_tokenizer.name(token) for token in held_out[0]]
written = [pairs.target_tokenizer.name(token) for token in answers[0]]
six = Translations(run, pairs.validation_texts[:6], held_out[:6], pairs.target_tokenizer)
history = model.fit(
    pairs.train.shuffled(),
    epochs=10,
    steps_per_epoch=steps // 10,
    validation_data=pairs.validation.in_order().take(16),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "tensorboard"),
        AttentionMaps(
            run, (held_out[:1], answers[:1]), written, names, "writing", "cross_attention"
        ),
        six,
        Progress(six),
    ],
)
plot_history(history, ["nats"], ["token_accuracy"], ["exact_match"])

# %% [markdown]
# ## Samples
#
# These are lists that the model has never seen. It writes each answer digit by digit, and each time
# it reads what it has written so far.

# %%
tokens = model.generate(held_out)
texts = [pairs.target_tokenizer.decode(row) for row in tokens]
right = sum(made == true for made, (_, true) in zip(texts, pairs.validation_texts, strict=False))
for (given, _), made in list(zip(pairs.validation_texts, texts, strict=False))[:6]:
    print(given, "->", made)
print(f"{right} of {len(texts)} unseen lists sorted without a mistake")

# %% [markdown]
# Where does it look while it writes? There is a row for each written character and a column for
# each character of the source. Follow the rows from top to bottom: the model looks at the digits in
# order of size.

# %%
attention_weights = model.attention_weights((held_out[:1], answers[:1]))
maps = np.array(attention_weights["cross_attention"][:, 0])  # (blocks, heads, query, key)
plt.figure(figsize=(11, 3))
plt.imshow(attention_image(maps, written, names, "writing"))
plt.axis("off")
plt.show()

# %% [markdown]
# ## TensorBoard
#
# Under *Images* you find these maps after each epoch. Move the slider and see when the heads find
# their work. Under *Text* are the six lists.

# %%
show_tensorboard(run / "tensorboard")

# %% [markdown]
# ## What to try next
#
# 1. Suppose the *encoder* had no `positions`: would sorting suffer? Think first: does the answer
#    depend on the order of the digits? And what about the *decoder's* positions?
# 2. Give the model one head instead of four, with the same width. What do you expect of the maps?
# 3. Try the dates: `load_pairs("dates")` in place of `"sort"`. Which head looks at the year?
# 4. `encode_sources(["998877"], pairs.source_tokenizer, source_length)` makes a source of your own.
#    Try lists of equal digits.
# 5. Do the exercises in `exercises/chapter5.ipynb`, then run
#    `python -m genai_keras.check chapter5`.
# 6. Use the command line: `python -m genai_keras.train_seq2seq --dataset sort`.
