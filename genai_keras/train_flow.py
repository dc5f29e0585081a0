"""Trains a flow, in which noise follows a velocity to a sample."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.flow_options import FlowConfig

MEASURED = 1_000  # training samples whose mean and deviation the network begins with


@command(FlowConfig)
def main(config):
    """Trains a flow, in which noise follows a velocity to a sample."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    import keras

    from genai_keras.callbacks.flow import flow_callbacks
    from genai_keras.models.flow import Flow
    from genai_keras.networks.flow import build_flow_network
    from genai_keras.training.optimizers import learning_rate
    from genai_keras.training.prepare import prepare_run
    from genai_keras.training.run import run_training

    task = config.task()
    data = prepare_run(config, task, Flow.value_range)
    if config.dry_run:
        return
    numbers = data.train.first(MEASURED)
    network = build_flow_network(
        sample_shape=data.train.element_shape,
        classes=data.train.classes or 0,
        mean=float(numbers.mean()),
        deviation=float(numbers.std()) or 1.0,  # images without any contrast have 0
        **config.networks(),
    )
    flow = Flow(
        network,
        config.ema,
        config.label_dropout,
        config.levels,
        steps=config.steps,
        solver=config.solver,
        guidance=config.guidance,
        seed=config.seed,
    )
    steps = config.epochs * data.train.steps_per_epoch
    rate = learning_rate(config, config.learning_rate, steps, config.warmup_steps)
    flow.compile(keras.optimizers.Adam(rate), accumulate=config.accumulate)
    own = flow_callbacks(config.run_dir, data.validation, config.verbose)
    run_training(flow, data, config, callbacks=[*task.callbacks(data), *own])


if __name__ == "__main__":
    sys.exit(main())
