"""What every command's optimizers have in common."""

import keras


def learning_rate(config, rate, steps):
    """The number or the schedule that an optimizer takes as its learning rate.

    Args:
        config: a `TrainConfig`, of which `schedule` counts.
        rate: the step size to begin with.
        steps: how many steps the whole run has.
    """
    return (
        keras.optimizers.schedules.CosineDecay(rate, steps) if config.schedule == "cosine" else rate
    )
