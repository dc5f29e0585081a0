"""What every command's optimizers have in common."""

import keras


def learning_rate(config, rate, steps, warmup_steps=0, last=0.0):
    """The number or the schedule that an optimizer takes as its learning rate.

    Args:
        config: a `TrainConfig`, of which `schedule` counts.
        rate: the learning rate to begin with.
        steps: how many steps the whole run has.
        warmup_steps: of them, how many it takes to rise to `rate` from 0.
        last: what a cosine falls to, as a fraction of `rate`.
    """
    if config.schedule == "constant":
        if not warmup_steps:
            return rate
        # A cosine that falls to where it is. The run's length is not in it, as it may grow.
        return keras.optimizers.schedules.CosineDecay(
            0.0, 1, alpha=1.0, warmup_target=rate, warmup_steps=warmup_steps
        )
    warmup_steps = min(warmup_steps, steps - 1)
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(rate, steps, last)
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup_steps, last, warmup_target=rate, warmup_steps=warmup_steps
    )


def adamw(config, steps):
    """AdamW as GPT is trained with it: warm-up, cosine decay to a 20th, clipped gradients.

    Args:
        config: a `TransformerConfig`.
        steps: how many steps the whole run has.

    Reference: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101
    """
    return keras.optimizers.AdamW(
        learning_rate(config, config.learning_rate, steps, config.warmup_steps, last=0.05),
        weight_decay=config.weight_decay,
        beta_2=config.beta_2,
        global_clipnorm=config.clip,
    )
