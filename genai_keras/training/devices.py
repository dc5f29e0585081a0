"""The devices that compute a run, and how batches come to them."""

import contextlib
import os

import tensorflow as tf

from genai_keras.errors import UserError
from genai_keras.training import workers
from genai_keras.training.cluster import find_cluster


@contextlib.contextmanager
def on_devices(devices):
    """Makes the models within train on several devices, each with its part of every batch.

    Args:
        devices: "all" GPUs; a number of GPUs, or where there are none, of parts of the CPU, which
            are not faster but compute what as many GPUs do; "cpu", even if there are GPUs; or
            "cluster" for those of several machines, which `find_cluster` finds.

    Raises:
        UserError: there are not as many devices, or TensorFlow has begun to use others.
    """
    if devices == "cluster" and (cluster := find_cluster()).count > 1:
        with workers.working(workers.Team(cluster)), cluster.strategy().scope():
            yield
        return
    gpus = [] if devices == "cpu" else tf.config.list_physical_devices("GPU")
    every = len(gpus) or 1
    wanted = {"cpu": 1, "all": every, "cluster": every}.get(devices, devices)
    if not str(wanted).isdecimal() or not int(wanted):
        raise UserError(f"`devices={devices}` is not a number of devices, all, cpu or cluster")
    wanted = int(wanted)
    if gpus and wanted > len(gpus):
        found = "1 GPU" if len(gpus) == 1 else f"{len(gpus)} GPUs"
        raise UserError(f"found {found}: use `devices={len(gpus)}`")
    _see(gpus[:wanted])
    if wanted == 1:
        yield
        return
    if gpus:
        strategy = tf.distribute.MirroredStrategy([f"GPU:{index}" for index in range(wanted)])
    else:  # without collective operations, which a process can have for one number of devices only
        strategy = tf.distribute.MirroredStrategy(
            _parts_of_the_cpu(wanted), tf.distribute.ReductionToOneDevice()
        )
    with strategy.scope():
        yield


def training_batches(train, start_step=0):
    """Batches from a global step on, as `fit` takes them: each replica gets its part."""
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return train.shuffled(start_step)

    def of_worker(context):
        here = replicas // context.num_input_pipelines
        return train.shuffled(start_step, replicas, context.input_pipeline_id * here, here)

    return strategy.distribute_datasets_from_function(of_worker)


def validation_batches(validation):
    """One pass over the data, as arguments of `fit`: each replica gets all of it.

    The last batch is smaller, and may be too small to be divided. Means over all replicas are the
    same.
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return {"validation_data": validation.in_order()}

    def of_worker(context):
        here = strategy.num_replicas_in_sync // context.num_input_pipelines

        def repeated(*parts):
            batch = parts if len(parts) > 1 else parts[0]
            return tf.data.Dataset.from_tensors(batch).repeat(here)

        # Keras would take the number of elements for that of batches, if there were an end.
        return validation.in_order().flat_map(repeated).repeat()

    return {
        "validation_data": strategy.distribute_datasets_from_function(of_worker),
        "validation_steps": -(-validation.count // validation.batch_size),
    }


def device():
    """What TensorFlow computes on, in a few words."""
    team = workers.current()
    several = f"{team.count} workers, each on " if team.count > 1 else ""
    gpus = tf.config.get_visible_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        return several + ", ".join(each.get("device_name", "a GPU") for each in details)
    parts = tf.distribute.get_strategy().num_replicas_in_sync // team.count
    return f"{several}CPU, {os.cpu_count()} cores" + (f", as {parts} devices" if parts > 1 else "")


def _see(gpus):
    """Hides the other GPUs, whose memory TensorFlow would take, too."""
    if tf.config.get_visible_devices("GPU") != gpus:
        with _before_the_first_operation():
            tf.config.set_visible_devices(gpus, "GPU")


def _parts_of_the_cpu(count):
    (cpu,) = tf.config.list_physical_devices("CPU")
    if len(tf.config.get_logical_device_configuration(cpu) or ()) < count:
        with _before_the_first_operation():
            parts = [tf.config.LogicalDeviceConfiguration()] * count
            tf.config.set_logical_device_configuration(cpu, parts)
    return [f"CPU:{index}" for index in range(count)]


@contextlib.contextmanager
def _before_the_first_operation():
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f"TensorFlow already computes on other devices ({error}): choose `devices` before its "
            "first operation, such as in a process of its own"
        ) from None
