"""The law of several devices in processes of their own: imported by each of them only."""

import json
import os
import pickle


def train_all(index, addresses, path):
    """Trains all families of `families.py` as a worker, and saves what became of them."""
    os.environ["TF_CONFIG"] = json.dumps(
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    )
    from genai_keras.training.devices import on_devices

    with on_devices("cluster"):
        from families import FAMILIES, trained  # they compute, so the cluster comes first

        found = {family: trained(family, None) for family in FAMILIES}
    path.write_bytes(pickle.dumps(found))
