"""Runs that are killed with SIGKILL: what they leave goes on to the bits of one that was not."""

import time

import numpy as np
import pytest
from children import KillInSave, finish, start
from helpers import FOUR, assert_same_bits, history, write_data

pytestmark = pytest.mark.slow

RANDOM = np.random.default_rng(20261123)


@pytest.mark.parametrize("command", FOUR)
def test_killed_at_five_moments_and_resumed_is_bit_for_bit_the_straight_run(command, tmp_path):
    """Two moments are of the clock, anywhere in the run; three are inside of a save."""
    argv = [*FOUR[command], *write_data(command, tmp_path), "--epochs", "3", "--verbose", "0"]
    straight = tmp_path / "straight"
    begun = time.monotonic()
    assert finish(command, [*argv, "--run-dir", str(straight)]) == 0
    seconds = time.monotonic() - begun

    for number in range(5):
        folder = tmp_path / f"killed {number}"
        # Each other run saves after every step as well, which must not change a bit.
        mine = [*argv, "--run-dir", str(folder), "--save-every", "1" if number % 2 else "5m"]
        if number < 2:
            victim = start(command, mine)
            time.sleep(RANDOM.uniform(0.2, 1.0) * seconds)
            victim.kill()
            victim.join()
        else:
            accident = KillInSave(int(RANDOM.integers(4)), int(RANDOM.integers(30)))
            victim = start(command, mine, accident)
            victim.join()
            assert victim.exitcode == -9, f"there is no {accident}"
        # What a user types: the same again if nothing had begun, or the command that goes on.
        began = (folder / "config.json").exists()
        again = ["--run-dir", str(folder), "--resume"] if began else mine
        assert finish(command, again) == 0
        assert_same_bits(straight / "model.keras", folder / "model.keras")
        assert history(straight) == history(folder)
        for sample in (straight / "samples").iterdir():
            assert sample.read_bytes() == (folder / "samples" / sample.name).read_bytes()
        assert not list(folder.rglob("unfinished-*"))
