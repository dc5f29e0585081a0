"""Checkpoints: whole, or not taken, whatever has happened to their files."""

import json
import time

import numpy as np
import pytest
from helpers import equal, make_gan, mutated, snapshot

from genai_keras.errors import UserError
from genai_keras.training.checkpoints import CheckpointCallback, Checkpoints


class Stub:
    """A stand-in for a model, whose file is its bytes."""

    metrics = ()

    def __init__(self, content=b""):
        self.content = content

    def save(self, path):
        path.write_bytes(self.content)

    def load_weights(self, path):
        self.content = path.read_bytes()


def content(step):
    return f"the weights of step {step} ".encode() * 40


@pytest.fixture
def two(tmp_path):
    """A folder with the checkpoints of the steps 4 and 8."""
    checkpoints = Checkpoints(tmp_path, {"config_hash": "1"})
    for step in (4, 8):
        checkpoints.save(Stub(content(step)), step)
    return checkpoints


def file_of(checkpoints, step, suffix=".keras"):
    return checkpoints.directory / f"step_{step:08d}{suffix}"


def assert_restores(checkpoints, step):
    model = Stub()
    assert checkpoints.restore(model)[0] == step
    assert model.content == (content(step) if step else b"")


def test_two_generations_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (0, 4, 8):
        checkpoints.save(Stub(content(step)), step)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"step_0000000{n}.{suffix}" for n in (4, 8) for suffix in ("json", "keras")]
    assert_restores(checkpoints, 8)


def test_a_manifest_says_what_it_vouches_for(tmp_path):
    checkpoints = Checkpoints(tmp_path, {"config_hash": "ab", "versions": {"keras": "3"}})
    checkpoints.save(Stub(b"abc"), 21, epoch=5)
    manifest = json.loads(file_of(checkpoints, 21, ".json").read_text())
    # `printf abc | sha256sum`
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert manifest.pop("checksum")
    assert manifest == {
        "epoch": 5, "step": 21, "size": 3, "sha256": sha256, "metrics": [],
        "config_hash": "ab", "versions": {"keras": "3"},
    }  # fmt: skip


def test_a_real_model_comes_back_with_all_of_its_state(tmp_path):
    gan = make_gan()
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(gan, step=1)
    former = snapshot(gan)
    for variable in gan.variables:
        variable.assign(np.full(variable.shape, 3))
    assert checkpoints.restore(gan)[0] == 1
    assert equal(
        [v for v, kept in zip(former, gan.variables, strict=True) if "means" not in kept.path],
        [np.array(v) for v in gan.variables if "means" not in v.path],
    )


DAMAGES = {
    "truncated weights": lambda c: cut(file_of(c, 8), 100),
    "empty weights": lambda c: cut(file_of(c, 8), 0),
    "weights gone": lambda c: file_of(c, 8).unlink(),
    "weights of another size": lambda c: file_of(c, 8).write_bytes(content(8) + b"!"),
    "truncated manifest": lambda c: cut(file_of(c, 8, ".json"), 100),
    "empty manifest": lambda c: cut(file_of(c, 8, ".json"), 0),
    "manifest not JSON": lambda c: file_of(c, 8, ".json").write_bytes(b"\xff\x00"),
    "manifest a list": lambda c: file_of(c, 8, ".json").write_text("[]"),
    "no manifest, as after a crash before it": lambda c: file_of(c, 8, ".json").unlink(),
    "manifest of another checkpoint": lambda c: file_of(c, 8, ".json").write_bytes(
        file_of(c, 4, ".json").read_bytes()
    ),
}


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(damage, two, capsys):
    damage(two)
    assert_restores(two, 4)
    said = capsys.readouterr().err
    assert said.startswith("warning: ") and "step_00000008" in said and said.count("\n") == 1


def test_one_flipped_bit_anywhere_is_seen(two, capsys):
    whole = file_of(two, 8).read_bytes()
    bits = np.random.default_rng(0).permutation(8 * len(whole))[:500]
    for bit in bits:
        hurt = bytearray(whole)
        hurt[bit // 8] ^= 1 << (bit % 8)
        file_of(two, 8).write_bytes(hurt)
        assert_restores(two, 4)
    file_of(two, 8).write_bytes(whole)
    assert_restores(two, 8)


def test_if_all_are_damaged_each_is_named(two):
    for step in (4, 8):
        cut(file_of(two, step), 50)
    with pytest.raises(UserError, match=r"step_00000008\.keras .*step_00000004\.keras .*start"):
        two.restore(Stub())


def test_manifests_gone_of_two_is_no_fresh_start(two):
    for step in (4, 8):
        file_of(two, step, ".json").unlink()
    with pytest.raises(UserError, match="no checkpoint in"):
        two.restore(Stub())


def test_a_first_save_that_was_killed_is_a_fresh_start(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert_restores(checkpoints, 0)
    checkpoints.save(Stub(content(4)), 4)
    file_of(checkpoints, 4, ".json").unlink()
    assert_restores(checkpoints, 0)


def test_what_a_killed_save_left_is_taken_away_by_the_next(two):
    (two.directory / "unfinished-step_00000012.keras").write_bytes(b"half")
    two.save(Stub(content(12)), 12)
    names = sorted(path.name for path in two.directory.iterdir())
    steps = ("08", "12")
    assert names == [f"step_000000{n}.{suffix}" for n in steps for suffix in ("json", "keras")]


@pytest.mark.parametrize("step", [8, 12])
def test_a_failed_save_leaves_the_former_checkpoint(step, two, monkeypatch):
    model = Stub()

    def full_disk(path):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(model, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        two.save(model, step)
    assert file_of(two, 4).read_bytes() == content(4)
    assert not list(two.directory.glob("unfinished-*"))
    assert_restores(two, 8 if step == 12 else 4)


@pytest.mark.parametrize("year", [1979, 2108])
def test_a_clock_that_no_zip_file_can_be_dated_by_is_said_before_a_save(year, two, monkeypatch):
    now = time.mktime((year, 7, 1, 0, 0, 0, 0, 0, 0))
    monkeypatch.setattr(time, "time", lambda: now)
    with pytest.raises(UserError, match=f"this machine's clock says .* {year}; set it"):
        two.save(Stub(), 12)
    assert not list(two.directory.glob("*12*"))


def test_another_config_is_refused(two):
    with pytest.raises(UserError, match=r"config\.json is not the config of step_00000008\.keras"):
        Checkpoints(two.directory, {"config_hash": "2"}).restore(Stub())
    with pytest.raises(UserError, match=r"config\.json is not the config of step_00000008\.keras"):
        Checkpoints(two.directory, {"config_hash": "2"}).check_config()
    two.check_config()


def test_thousands_of_mutated_manifests_give_the_checkpoint_before_or_the_same(two, capsys):
    """None of them ends in a traceback, nor in a step or in metrics that were not saved."""
    path = file_of(two, 8, ".json")
    good = path.read_bytes()
    random = np.random.default_rng(0)
    taken = []
    for _ in range(3_000):
        hurt = mutated(good, random)
        path.write_bytes(hurt)
        model = Stub()
        step, metrics = two.restore(model)
        assert (step, metrics, model.content) == (step, [], content(step))
        if step == 8:  # only if it says the same, such as with another blank
            assert json.loads(hurt) == json.loads(good)
        taken.append(step)
    assert taken.count(4) > 2_500


def test_a_save_within_an_epoch_every_so_many_steps_or_minutes(tmp_path, monkeypatch):
    from genai_keras.cli.values import Interval
    from genai_keras.training import checkpoints as module

    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)

    def steps_saved(interval):
        nonlocal now
        now = 0.0
        saved = []
        callback = CheckpointCallback(Checkpoints(tmp_path), 10, Interval(interval))
        callback.checkpoints.save = lambda model, step, epoch: saved.append((step, epoch))
        callback.on_train_begin()
        for step in range(20):
            now += 25.0  # seconds a step
            callback.on_train_batch_end(step % 10)
            if step % 10 == 9:
                callback.on_epoch_end(step // 10)
        return saved

    assert steps_saved("0") == [(0, 0), (10, 1), (20, 2)]
    assert steps_saved("4") == [(0, 0), (4, 0), (8, 0), (10, 1), (14, 1), (18, 1), (20, 2)]
    assert steps_saved("2m") == [(0, 0), (5, 0), (10, 1), (15, 1), (20, 2)]
    for wrong in ("-1", "x", "5h", "nanm", "infm", "1.5"):
        with pytest.raises(ValueError):
            Interval(wrong)
