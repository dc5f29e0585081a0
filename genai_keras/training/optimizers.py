"""Learning rates and optimizers for all commands."""

import keras


def learning_rate(config, rate, steps, warmup_steps=0, last=0.0):
    """The learning rate for an optimizer, as a number or a schedule.

    Args:
        config: a `TrainConfig`, for its `schedule`.
        rate: the initial learning rate.
        steps: number of steps of the whole run.
        warmup_steps: number of steps in which it rises from 0 to `rate`.
        last: final value of a cosine, as a fraction of `rate`.
    """
    if config.schedule == "constant":
        if not warmup_steps:
            return rate
        # A cosine that stays at its initial value. It does not contain the length of the run, which
        # may grow.
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
    """AdamW as in the training of GPT: warm-up, cosine decay to a 20th, clipped gradients.

    Args:
        config: a `TransformerConfig`.
        steps: number of steps of the whole run.

    Reference: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101
    """
    return keras.optimizers.AdamW(
        learning_rate(config, config.learning_rate, steps, config.warmup_steps, last=0.05),
        weight_decay=config.weight_decay,
        beta_2=config.beta_2,
        global_clipnorm=config.clip,
    )
