"""Which processes train together, as `TF_CONFIG` or Slurm tells it."""

import json
import os
from dataclasses import dataclass

import tensorflow as tf

from genai_keras.errors import UserError, one_line

# Where Slurm does not say which ports are free: jobs on one machine have different numbers.
FIRST_PORT, PORTS = 10_000, 20_000


@dataclass(frozen=True)
class Cluster:
    """The workers of a run, each a process with an address.

    Args:
        addresses: `host:port` of each worker, in the same order everywhere. Worker 0 leads.
        index: number of this worker.
    """

    addresses: tuple[str, ...]
    index: int

    def __post_init__(self):
        if not 0 <= self.index < len(self.addresses):
            raise UserError(
                f"this is worker {self.index}, but there are only {len(self.addresses)}, numbered "
                "from 0"
            )

    @property
    def count(self):
        return len(self.addresses)

    @property
    def host(self):
        """The machine of worker 0."""
        return self.addresses[0].rpartition(":")[0].strip("[]")

    @property
    def port(self):
        """The port of worker 0."""
        return int(self.addresses[0].rpartition(":")[2])

    @property
    def plan(self):
        """What all workers must have in common, to begin at all."""
        return [*self.addresses, f"{_gpus()} GPUs each"]

    def name(self, index):
        """What messages call a worker."""
        return f"worker {index} ({self.addresses[index]})"

    def strategy(self):
        """The strategy of this worker, with all its GPUs; it waits for all others.

        Raises:
            UserError: TensorFlow has already computed something, so it is too late.
        """
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(self.addresses)}),
            task_type="worker",
            task_id=self.index,
            num_accelerators={"GPU": _gpus()},
            rpc_layer="grpc",
        )
        try:
            return tf.distribute.MultiWorkerMirroredStrategy(resolver)
        except RuntimeError as error:
            raise UserError(
                f"TensorFlow cannot join the cluster ({one_line(error)}): start each worker in a "
                "process of its own"
            ) from None


def _gpus():
    return len(tf.config.list_physical_devices("GPU"))


def find_cluster(environment=os.environ):
    """The `Cluster` of this process, from `TF_CONFIG`, or from the variables of Slurm.

    Raises:
        UserError: there is neither, or it cannot be understood.
    """
    if environment.get("TF_CONFIG"):
        return _from_tf_config(environment["TF_CONFIG"])
    if "SLURM_PROCID" in environment:
        return _from_slurm(environment)
    raise UserError(
        "`devices=cluster` needs TF_CONFIG or Slurm, which tell who the workers are; docs/scale.md "
        "shows how. `devices=1` goes on without other workers"
    )


def _from_tf_config(text):
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        if unknown := jobs.keys() - {"chief", "worker"}:
            raise ValueError(f"it has the job {min(unknown)!r}, but only workers are of use")
        addresses = (*jobs.get("chief", ()), *jobs.get("worker", ()))
        for address in addresses:
            _, _, port = address.rpartition(":")
            if not 0 < int(port) < 2**16:
                raise ValueError(f"{address!r} is not host:port")
        index = int(task["index"])
        if task["type"] == "worker":
            index += len(jobs.get("chief", ()))
        elif task["type"] != "chief":
            raise ValueError(f"its task is {task['type']!r}, not a worker")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"TF_CONFIG cannot be understood ({type(error).__name__}: {one_line(error)}): "
            "docs/scale.md has an example"
        ) from None
    return Cluster(addresses, index)


def _from_slurm(environment):
    """One worker per task of `srun`."""
    tasks = int(environment.get("SLURM_STEP_NUM_TASKS", 1))
    port = FIRST_PORT + int(environment.get("SLURM_JOB_ID", 0)) % PORTS
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port, gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
        )  # of GPUs, it would otherwise set its own; and fail if there are none
        addresses = tuple(resolver.cluster_spec().job_tasks("worker"))
    except (RuntimeError, ValueError, KeyError) as error:
        raise UserError(
            f"the variables of Slurm do not tell the workers ({one_line(error)}): start them with "
            "srun, as in docs/scale.md"
        ) from None
    # The resolver sorts the hosts by name, so n10 comes before n9: its numbers are not Slurm's.
    own = environment.get("SLURMD_NODENAME")
    if own is None:
        return Cluster(addresses, int(environment["SLURM_PROCID"]))
    address = f"{own}:{port + int(environment.get('SLURM_LOCALID', 0))}"
    if address not in addresses:
        raise UserError(f"this is {address}, but the workers of Slurm are {', '.join(addresses)}")
    return Cluster(addresses, addresses.index(address))
