# %% [markdown]
# # Chapter 5: attention, from a dense layer to a Transformer block
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genai-keras/genai_keras/blob/main/notebooks/chapter5_attention.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/genai-keras/genai_keras/main?labpath=notebooks/chapter5_attention.ipynb)
#
# **What you will learn**
# - what a dense layer cannot do with a sequence, and attention can: mix positions;
# - attention by hand: queries, keys, values, scores, a mask, a softmax;
# - why positions have to be added, and what shortcuts and normalization are for;
# - how an encoder-decoder of such blocks learns to read dates, and where it looks when it does.
#
# About two minutes on two CPU cores.

# %%
# On Colab and Binder this installs genai_keras; anywhere else it does nothing.
import os
import sys

if "google.colab" in sys.modules or "BINDER_SERVICE_HOST" in os.environ:
    import subprocess

    address = "git+https://github.com/genai-keras/genai_keras"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

import genai_keras.quiet  # TensorFlow starts without its notes on this machine

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from genai_keras.callbacks.attention import AttentionMaps, attention_picture
from genai_keras.callbacks.text import Translations
from genai_keras.config.text import Seq2SeqConfig
from genai_keras.data.pairs import PADDING, encode_sources, load_pairs
from genai_keras.layers.attention import (
    MultiHeadAttention,
    attention_weights,
    recorded_attention,
    visibility,
)
from genai_keras.layers.positions import sinusoids
from genai_keras.layers.transformer import DecoderBlock, EncoderBlock
from genai_keras.models.seq2seq import Seq2Seq
from genai_keras.networks.transformer import TransformerDecoder, TransformerEncoder
from genai_keras.notebook import (
    explore,
    new_run,
    plot_history,
    setting,
    show_source,
    show_tensorboard,
)
from genai_keras.train_seq2seq import labels
from genai_keras.training.optimizers import adamw
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# The task: a date comes in words, in one of twelve ways, and is to be written in figures. The pairs are
# made by rules, so there are millions of them. 5,000 days are put aside: training sees none of them, in
# whatever way they are written.

# %%
pairs = load_pairs("dates", batch_size=64, steps_per_epoch=setting(100, fast=3))
for source_text, target_text in pairs.validation_texts[:6]:
    print(f"{source_text:32} -> {target_text}")

# %% [markdown]
# A network reads numbers, so each character becomes one, its **token**. Two tokens are special: `<end>`
# ends every text, and `<padding>` fills the shorter ones up, so that a batch is a rectangle.

# %%
source, target = next(iter(pairs.train.shuffled()))
print("sources", source.shape, "and targets", target.shape, "of", source.dtype)
print("first source:", source[0].numpy())
print(" ".join(pairs.source_tokenizer.name(token) for token in source[0].numpy()))
print(
    f"vocabulary: {pairs.source_tokenizer.vocabulary_size} tokens to read, "
    f"{pairs.target_tokenizer.vocabulary_size} to write"
)

# %% [markdown]
# ## The network
#
# It is built of parts that are small enough to compute by hand. We do this with a tiny sequence:
# five characters, each with a vector of 8 random numbers. Keras calls that an embedding.

# %%
text = "5 May"
names = [pairs.source_tokenizer.name(token) for token in pairs.source_tokenizer.encode(text)]
tokens = pairs.source_tokenizer.encode(text)[None]  # (batch, length)
embedding = keras.layers.Embedding(
    pairs.source_tokenizer.vocabulary_size,
    8,
    embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=0),
)
x = embedding(tokens)  # (batch, length, width)
print("tokens", tokens.shape, "-> embeddings", tuple(x.shape))

# %% [markdown]
# ### A dense layer mixes the features of one position
#
# `Dense` multiplies the last axis by a matrix, at each position alike. What it makes of the `y` knows
# nothing of the `M`. **Attention** mixes positions: each one's result is a weighted mean of something
# from all of them. To see the difference, take the derivative of each position's result by each
# position's input: where it is 0, nothing gets through.


# %%
def influence(layer, x):
    """How much each position's result (row) depends on each position's input (column)."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = layer(x)
    jacobian = tape.jacobian(result, x)[0, :, :, 0]  # (position, feature, position, feature)
    return tf.norm(jacobian, axis=(1, 3)).numpy()  # (position, position)


dense = keras.layers.Dense(8, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
attention = MultiHeadAttention(
    num_heads=1, kernel_initializer=keras.initializers.GlorotUniform(seed=2)
)
influences = {
    "dense": influence(dense, x),
    "attention": influence(attention, x),
    "causal attention": influence(lambda x: attention(x, causal=True), x),
}
figure, axes = plt.subplots(1, 3, figsize=(9, 3))
for axis, (name, matrix) in zip(axes, influences.items(), strict=True):
    axis.imshow(matrix > 0, cmap="Greys", vmin=0, vmax=1.5)
    axis.set_title(name)
    axis.set_xticks(range(len(names)), names)
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("input")
axes[0].set_ylabel("result")
plt.tight_layout()
plt.show()

# %% [markdown]
# Grey: the result depends on the input. The third picture is for writing: no position may depend on one
# that comes later. We get to it soon.
#
# ### Attention by hand
#
# The layer makes three vectors of each position's input, with three matrices: a **query**, what this
# position looks for; a **key**, what it can be found by; a **value**, what it hands over when found. In
# the package the matrices lie side by side in one `kernel` of shape (width, 3 x width). Now in NumPy:

# %%
width = 8
inputs = x.numpy()[0]  # (length, width)
kernel, bias, output_kernel, output_bias = (each.numpy() for each in attention.weights)
query, key, value = np.split(inputs @ kernel + bias, 3, axis=-1)  # each (length, width)
scores = query @ key.T / np.sqrt(width)  # (query, key)
raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
weights = raised / raised.sum(axis=-1, keepdims=True)  # (query, key): a softmax of each row
mixed = weights @ value  # (length, width): a weighted mean of the values
by_hand = mixed @ output_kernel + output_bias

print("weights of each query:\n", weights.round(2))
print("each row's sum:", weights.sum(axis=-1))
print(f"largest difference to the layer: {np.abs(by_hand - attention(x)[0]).max():.1e}")

# %% [markdown]
# That is all of it: a **score** for each pair of positions, the dot product of a query and a key; a
# softmax, so that a query's weights add up to 1; and a mean of the values with these weights. The last
# matrix brings the result into the form that the next layer expects.
#
# With several **heads** the width is shared out: each head does all of this with its own part of
# query, key and value, so it can look for something of its own. Two heads:

# %%
two_heads = MultiHeadAttention(
    num_heads=2, kernel_initializer=keras.initializers.GlorotUniform(seed=3)
)
expected = two_heads(x)[0].numpy()  # builds the weights
kernel, bias, output_kernel, output_bias = (each.numpy() for each in two_heads.weights)
query, key, value = np.split(inputs @ kernel + bias, 3, axis=-1)
heads = []
for part in (slice(0, 4), slice(4, 8)):
    scores = query[:, part] @ key[:, part].T / np.sqrt(4)  # now the width of a head is 4
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    heads.append(raised / raised.sum(axis=-1, keepdims=True) @ value[:, part])
by_hand = np.concatenate(heads, axis=-1) @ output_kernel + output_bias
print(f"largest difference to the layer: {np.abs(by_hand - expected).max():.1e}")

# %% [markdown]
# ### Why divide by $\sqrt d$?
#
# The dot product of two vectors of $d$ independent numbers, each of variance 1, has variance $d$. For
# $d = 64$ the scores are then around $\pm 8$, and the softmax gives nearly all of the weight to a
# single key. Its derivative is almost 0 there, so the layer could hardly learn to look elsewhere.
# Divided by $\sqrt d = 8$, the scores have variance 1. Try other divisors: too small, and a query sees
# one key; too large, and it sees all of them alike.

# %%
random = np.random.default_rng(0)
many_queries, many_keys = random.normal(size=(2, 8, 64))  # each (8 positions, 64 features)
products = many_queries @ many_keys.T  # (query, key)
print(f"deviation of the products {products.std():.1f}, divided by 8: {products.std() / 8:.1f}")


def softened(divisor):
    weights = np.array(attention_weights(products / divisor))
    return attention_picture(weights[None, None], list("12345678"), list("12345678"), "query")


explore(softened, divisor=(1.0, 16.0))

# %% [markdown]
# ### The mask
#
# A model that writes must not see what it has not written yet. So the scores of later keys are
# replaced by -1e9 before the softmax, and their weights are exactly 0. This is the **causal** mask.

# %%
show_source(visibility, attention_weights)

# %%
print(visibility(5, 5, causal=True)[0, 0].numpy().astype(int))

# %% [markdown]
# **The law that must hold:** change a token, and nothing before it changes. Not "hardly": not a bit. We
# replace the fourth character, the `a`, and look at the largest change at each position. Guess first:
# which of the five numbers are 0, with the mask and without?

# %%
changed = embedding(pairs.source_tokenizer.encode("5 Mcy")[None])
for causal in (False, True):
    change = np.abs(attention(changed, causal=causal) - attention(x, causal=causal))[0].max(axis=-1)
    print(f"causal={causal!s:5}", dict(zip(names, change.round(4).tolist(), strict=True)))

# %% [markdown]
# ### Positions
#
# There is a second law, and this one is a nuisance. Attention without a mask does not know the order of
# its input: permute the positions, and the results are permuted likewise, nothing else. `5 May` and
# `yaM 5` are the same bag of characters to it.

# %%
order = [4, 3, 2, 1, 0]
backwards = tf.gather(x, order, axis=1)
difference = np.abs(attention(backwards) - tf.gather(attention(x), order, axis=1)).max()
print(f"backwards, without positions: results differ by {difference:.1e}, but for their order")

positions = sinusoids(5, 8).astype("float32")  # (length, width)
difference = np.abs(
    attention(backwards + positions) - tf.gather(attention(x + positions), order, axis=1)
).max()
print(f"backwards, with positions:    they differ by {difference:.1e}")

# %% [markdown]
# The way out is to add to each embedding a vector that says where it stands. These here are sines and
# cosines of the position, of ever longer wavelengths; a table of weights that are learnt does as well.
# On the right, the dot product of any two positions' vectors: it depends on their distance only, so
# that "three places back" looks the same everywhere.

# %%
show_source(sinusoids)

# %%
table = sinusoids(32, 64)  # (position, width)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=(2, 1))
axes[0].imshow(table, cmap="RdBu", aspect="auto")
axes[0].set(title="what is added", xlabel="feature", ylabel="position")
axes[1].imshow(table @ table.T, cmap="magma")
axes[1].set(title="dot products", xlabel="position", ylabel="position")
plt.tight_layout()
plt.show()

# %% [markdown]
# ### The block
#
# A Transformer block is attention, which mixes positions, and then two dense layers, which mix features.
# Each of the two is a branch beside a **shortcut**: its result is *added* to what came in (a residual
# connection). And what enters a branch is **normalized**: each position's vector gets mean 0 and
# variance 1, so that the next layer finds numbers of the same size, however deep the stack is.

# %%
show_source(EncoderBlock.call)

# %%
block = EncoderBlock(num_heads=2, hidden_units=32)
expected = block(x)
normalized = block.attention_norm(x)
print("before the norm: mean", np.mean(x, -1).round(2)[0], "deviation", np.std(x, -1).round(2)[0])
print(
    "behind it:       mean",
    np.abs(np.mean(normalized, -1)).round(2)[0],
    "deviation",
    np.std(normalized, -1).round(2)[0],
)
y = x + block.attention(normalized)
y = y + block.output_layer(block.hidden(block.feed_forward_norm(y)))
print(f"largest difference to the block: {np.abs(y - expected).max():.1e}")

# %% [markdown]
# What would be missing without the shortcuts? Attention takes means, and means of means are all alike.
# Here are twelve attention layers one behind another, untrained, with and without shortcut, and how much
# the positions still differ from their common mean, as a share of their size.

# %%
layers = [
    MultiHeadAttention(2, kernel_initializer=keras.initializers.GlorotUniform(seed=10 + number))
    for number in range(12)
]
norm = keras.layers.LayerNormalization()
shares = {"with shortcut and norm": [], "attention alone": []}
beside, alone = x, x
for layer in layers:
    beside, alone = beside + layer(norm(beside)), layer(alone)
    for name, states in zip(shares, (beside, alone), strict=True):
        apart = states - tf.reduce_mean(states, axis=1, keepdims=True)
        shares[name].append(float(tf.norm(apart) / tf.norm(states)))

plt.figure(figsize=(5.5, 3))
for name, share in shares.items():
    plt.semilogy(range(1, 13), share, "o-", label=name)
plt.xlabel("attention layers")
plt.ylabel("difference of positions")
plt.legend()
plt.show()

# %% [markdown]
# ### Encoder and decoder
#
# The **encoder** reads the source: embeddings, positions, blocks as above, without a causal mask. The
# **decoder** writes the target, with a causal mask, and has one more branch in each block,
# **cross-attention**: its queries come from the decoder, its keys and values from the encoder's
# results. So each written character can look at all of the source. Padding is masked wherever it is a
# key.

# %%
show_source(DecoderBlock.call)

# %%
(source_length,), (target_length,) = pairs.train.element_shape
sizes = {"width": 64, "num_layers": 1, "num_heads": 4, "positions": "sinusoidal"}
encoder = TransformerEncoder(pairs.source_tokenizer.vocabulary_size, source_length, **sizes)
decoder = TransformerDecoder(
    pairs.target_tokenizer.vocabulary_size,
    target_length,
    **sizes,
    cross_attention=True,
    start_token=True,
)
model = Seq2Seq(encoder, decoder)
memory, is_real = model.encode(source)
logits = model((source, target))
print("source", source.shape, "-> encoder's states", tuple(memory.shape))
print("target", target.shape, "-> logits", tuple(logits.shape))
print(f"{encoder.count_params():,} and {decoder.count_params():,} weights")

# %% [markdown]
# ## One training step by hand
#
# In training the decoder reads the true target, one token late, and predicts each of its tokens from
# those before it. All predictions are made at once; the causal mask keeps them honest. This is called
# teacher forcing.

# %%
writes = [pairs.target_tokenizer.name(token) for token in target[0].numpy()]
print("reads   ", " ".join(f"{name:>7}" for name in ["<start>", *writes[:-1]]))
print("predicts", " ".join(f"{name:>7}" for name in writes))

# %% [markdown]
# The loss is the mean of $-\log p(\text{token}\mid\text{source, tokens before})$. **Before you run the
# next cell, guess:** the decoder is untrained and may write any of its 14 tokens. What is the loss,
# about?

# %%
log_p = logits - tf.reduce_logsumexp(logits, axis=-1, keepdims=True)  # (batch, length, vocabulary)
nats = -np.take_along_axis(log_p.numpy(), target.numpy()[..., None], axis=-1)[..., 0]
nats = nats[target.numpy() != PADDING]
size = pairs.target_tokenizer.vocabulary_size
print(f"loss by hand {nats.mean():.3f} nats; log {size} = {np.log(size):.3f}")
print(f"the model's  {float(model.terms(source, target)['loss']):.3f} nats")

# %%
show_source(Seq2Seq.train_step)

# %%
model.compile(keras.optimizers.Adam(1e-3))
before = {name: float(value) for name, value in model.train_step((source, target)).items()}
model.reset_metrics()
after = {name: float(value) for name, value in model.test_step((source, target)).items()}
for name in ("nats", "token_accuracy", "exact_match"):
    print(f"{name:15} {before[name]:6.3f} -> {after[name]:6.3f}")

# %% [markdown]
# ## A short `fit`
#
# Transformers are trained with AdamW, and with a step size that first rises from 0, the warm-up, and
# then falls as a cosine does. Without the warm-up the first steps, when the optimizer knows little of
# the gradients yet, can spoil the weights; without the fall the last ones make noise.

# %%
epochs = setting(8, fast=1)
config = Seq2SeqConfig(learning_rate=5e-3, warmup_steps=setting(100, fast=1))
steps = epochs * pairs.train.steps_per_epoch
model.compile(adamw(config, steps))

plt.figure(figsize=(4.5, 2.2))
plt.plot([float(model.optimizer._learning_rate(step)) for step in range(steps)])
plt.xlabel("step")
plt.ylabel("step size")
plt.show()

# %%
run = new_run("chapter5")
shown = next(
    row for row, (text, _) in enumerate(pairs.validation_texts) if text.startswith("Thursday")
)
source, target = pairs.validation.first(1_000)
example = source[shown : shown + 1], target[shown : shown + 1]
written_names = labels(example[1][0], pairs.target_tokenizer)
read_names = labels(example[0][0], pairs.source_tokenizer)
history = model.fit(
    pairs.train.shuffled(),
    epochs=epochs,
    steps_per_epoch=pairs.train.steps_per_epoch,
    validation_data=pairs.validation.in_order().take(setting(8, fast=1)),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "tensorboard", write_graph=False),
        Translations(
            run, pairs.validation_texts[:10], source[:10], pairs.target_tokenizer, verbose=0
        ),
        AttentionMaps(
            run, example, written_names, read_names, doing="writing", of="cross_attention"
        ),
    ],
)
plot_history(history, ["nats"], ["token_accuracy"], ["exact_match"])

# %% [markdown]
# `token_accuracy` counts characters, with the true ones before each given; `exact_match` counts dates
# that are right as a whole. Training and validation lie on top of each other: with millions of pairs,
# training meets hardly any of them twice, so there is nothing to know by heart.
#
# ## Samples
#
# Now the decoder is on its own: it reads what it has itself written. A thousand dates that training
# has never seen; an answer counts if all ten characters are right.

# %%
written, log_p = model.generate(source)
answers = [pairs.target_tokenizer.decode(tokens) for tokens in written]
checked = list(zip(pairs.validation_texts[: len(answers)], answers, log_p, strict=True))
wrong = [each for each in checked if each[1] != each[0][1]]
share = 1 - len(wrong) / len(answers)
error = np.sqrt(share * (1 - share) / len(answers))
print(f"{len(answers) - len(wrong)} of {len(answers)} right: {share:.3f} +- {error:.3f}")
print("\nsome, whichever come first:")
for (text, true), answer, nats in checked[:6]:
    print(f"  {text:32} -> {answer}   {'right' if answer == true else 'wrong, ' + true}")
print("\nthe first that are wrong:")
for (text, true), answer, nats in wrong[:6]:
    print(f"  {text:32} -> {answer}   wrong, {true} (log p {nats:.2f})")

# %% [markdown]
# Where does it look? Each panel is a head of the cross-attention. A row is a character that the decoder
# writes next, and its brightest place is the character of the source that it looks at most.

# %%
with recorded_attention() as recorded:
    model(example)
maps = {path.split("/")[-1]: np.array(weights) for path, weights in recorded}
print({name: weights.shape for name, weights in maps.items()}, "(batch, heads, query, key)")
plt.figure(figsize=(12, 3.4))
plt.imshow(attention_picture(maps["cross_attention"], written_names, read_names, "writing"))
plt.axis("off")
plt.tight_layout()
plt.show()

# %% [markdown]
# TEXT
#
# Try it with dates of your own. The last two days do not exist.

# %%
own = ["the 3rd of March, 1987", "July 4, 1776", "31 December 1999", "31 Feb 2001", "40 May 2010"]
tokens = encode_sources(own, pairs.source_tokenizer, source_length)
written, log_p = model.generate(tokens)
for text, answer, nats in zip(own, written, log_p, strict=True):
    print(f"{text:24} -> {pairs.target_tokenizer.decode(answer)}   log p {nats:.2f} nats")

# %% [markdown]
# ## TensorBoard
#
# Curves under *Scalars*; under *Images* the attention maps of all epochs: pull the slider, and watch
# them find their places. Under *Text*, what the model made of ten dates. (The page is live: it shows
# where the notebook runs, not where it is only read.)

# %%
show_tensorboard(run / "tensorboard")

# %% [markdown]
# ## What to try next
#
# 1. `load_pairs("sort")` has lists of six digits and the same digits sorted. It learns in half the
#    time. Where does each written digit look now? Must it count?
# 2. Use `"positions": "learned"`. Is it slower to learn? And without any positions: set
#    `encoder.add_positions.table[:] = 0` before training. Which of the twelve ways to write a date
#    can still be read, and why not the others?
# 3. Use one head instead of four (`"num_heads": 1`), then eight. The number of weights stays the same:
#    why? Does `exact_match`?
# 4. `model.generate(source, beam_width=4)` keeps four answers at a time and returns the likeliest. Does
#    it get more dates right?
# 5. The exercises: `exercises/chapter5.ipynb`, then `python -m genai_keras.check chapter5`.
# 6. The command line does all this, too, with two blocks each: `python -m genai_keras.train_seq2seq`.
