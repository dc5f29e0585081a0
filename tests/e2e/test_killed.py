"""Runs that are killed with SIGKILL: what they leave goes on to the bits of one that was not."""

import time

import numpy as np
import pytest
from children import KillInSave, finish, start
from helpers import TRAINING, assert_same_bits, history, write_data

pytestmark = pytest.mark.slow

RANDOM = np.random.default_rng(20261123)


# The accidents of two runs, one after the other: whatever is left goes on to the next.
# A number is a fraction of the straight run's time; `None` is anywhere inside of a save.
RUNS = {"5m": (None, 0.5), "1": (None, None, 0.7)}


@pytest.mark.parametrize("command", TRAINING)
def test_killed_at_five_moments_and_resumed_is_bit_for_bit_the_straight_run(command, tmp_path):
    argv = [*TRAINING[command], *write_data(command, tmp_path), "--epochs", "3", "--verbose", "0"]
    straight = tmp_path / "straight"
    begun = time.monotonic()
    assert finish(command, [*argv, "--run-dir", str(straight)]) == 0
    seconds = time.monotonic() - begun

    for save_every, accidents in RUNS.items():  # which must not change a bit
        folder = tmp_path / f"killed {save_every}"
        mine = [*argv, "--run-dir", str(folder), "--save-every", save_every]

        def what_a_user_types(mine=mine, folder=folder):
            """The same again if nothing had begun, or the command that goes on."""
            began = (folder / "config.json").exists()
            return ["--run-dir", str(folder), "--resume"] if began else mine

        for accident in accidents:
            if accident is None:
                accident = KillInSave(int(RANDOM.integers(3)), int(RANDOM.integers(30)))
                victim = start(command, what_a_user_types(), accident)
                victim.join()
                assert victim.exitcode == -9, f"there is no {accident}"
            else:
                victim = start(command, what_a_user_types())
                time.sleep(RANDOM.uniform(0.2, accident) * seconds)
                victim.kill()
                victim.join()
        assert finish(command, what_a_user_types()) == 0
        assert_same_bits(straight / "model.keras", folder / "model.keras")
        assert history(straight) == history(folder)
        for sample in (straight / "samples").iterdir():
            assert sample.read_bytes() == (folder / "samples" / sample.name).read_bytes()
        assert not list(folder.rglob("unfinished-*"))
