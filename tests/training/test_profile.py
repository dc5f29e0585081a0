"""`--profile`: the operations of some steps are recorded, and nothing else changes."""

import pytest
from helpers import MAINS, TRAINING, assert_same_bits
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from genai_keras.cli.values import Steps
from genai_keras.training.profile import PROFILES

pytestmark = pytest.mark.usefixtures("few_digits")


def run(folder, *argv):
    argv = [*TRAINING["train_gan"], "--epochs", "2", "--verbose", "0", *argv]  # of 4 steps each
    return MAINS["train_gan"]([*argv, "--run-dir", str(folder)])


def steps_in(folder):
    """How many steps the only profile of a run has, of training and validation."""
    (path,) = (folder / PROFILES).glob("*/*.xplane.pb")
    space = xplane_pb2.XSpace()
    space.ParseFromString(path.read_bytes())
    names = [
        plane.event_metadata[event.metadata_id].name
        for plane in space.planes
        for line in plane.lines
        for event in line.events
    ]
    return names.count("multi_step_on_iterator")


@pytest.mark.slow
def test_the_asked_steps_are_in_the_profile_and_the_run_is_the_same(tmp_path):
    plain, three, rest = (tmp_path / name for name in ("plain", "three", "rest"))
    assert run(plain) == 0
    assert not (plain / "plugins").exists()
    assert run(three, "--profile", "3:5", "--verbose", "0") == 0  # in two epochs
    assert run(rest, "--profile", "7:100") == 0  # the run ends before
    validation = 7  # after each epoch: 100 images
    assert steps_in(rest) == 2 + validation
    assert steps_in(three) == 2 + validation + 1
    assert_same_bits(plain / "model.keras", three / "model.keras")
    assert run(rest, "--overwrite") == 0
    assert not (rest / PROFILES).exists()


@pytest.mark.parametrize("wrong", ["", "3", "5:3", "0:2", "a:b", "1:2:3", "-1:2", "1.5:2"])
def test_a_range_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="is not a range of steps"):
        Steps(wrong)


def test_a_range_knows_its_ends():
    assert Steps("20:30").ends == (20, 30) and Steps("7:7").ends == (7, 7)
