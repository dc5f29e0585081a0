"""What workers agree on, and who they are; and the law of several devices in two processes."""

import contextlib
import json
import os
import pickle
import re
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from children import CONTEXT, codes_of, train_all
from families import FAMILIES, difference, trained

from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.parsing import parse_config
from genai_keras.cli.processes import free_ports
from genai_keras.errors import Interrupted, UserError, WorkerLost
from genai_keras.training import links
from genai_keras.training.cluster import Cluster, find_cluster
from genai_keras.training.workers import Alone, Team, current, working


def clusters(count=2):
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
    return [Cluster(addresses, index) for index in range(count)]


@pytest.fixture
def together():
    """Calls a function of a team in one thread per worker, and returns all results."""
    teams = []

    def call(function, count=2):
        if not teams:
            with ThreadPoolExecutor(count) as pool:
                teams.extend(pool.map(Team, clusters(count)))
        with ThreadPoolExecutor(len(teams)) as pool:
            return [future.result() for future in [pool.submit(function, team) for team in teams]]

    yield call
    for team in teams:
        team.links.close("the test is over")


def raised(function):
    """What a function raises."""

    def call(team):
        with pytest.raises(Exception) as failure:
            function(team)
        return str(failure.value)

    return call


def test_all_workers_do_what_worker_0_decides(together):
    assert together(lambda team: team.agree(team.index == 0), 3) == [True, True, True]
    assert together(lambda team: team.agree(team.index)) == [0, 0, 0]


def test_worker_0_gets_the_parts_of_all_in_their_order(together):
    found = together(lambda team: team.gather([[0.1 * team.index], [team.index, 7]]), 3)
    assert found[0] == [[0.0, 0.1, 0.2], [0, 7, 1, 7, 2, 7]]
    assert found[1] == [[0.1], [1, 7]]


def test_a_signal_to_one_worker_stops_all(together):
    def signal_1(team):
        return team.agree_to_stop(15 if team.index == 1 else None)

    assert together(signal_1) in ([None, None], [15, 15])  # the news may come a step later
    time.sleep(0.2)
    assert together(lambda team: team.agree_to_stop(None)) == [15, 15]


def test_what_differs_is_named_on_all_workers(together):
    same = {"batch_size": 64, "files": {"classes.json": "x" * 100}}
    together(lambda team: team.compare(same), 3)

    def differ(team):
        with working(team):
            team.compare({**same, "batch_size": 64 + team.index // 2})

    for said in together(raised(differ)):
        assert "worker 2 (127.0.0.1" in said
        assert "has another batch_size (65) than worker 0 (64)" in said


@pytest.mark.parametrize(
    ("failure", "kind", "wanted"),
    [
        (UserError("no data"), WorkerLost, r"worker 1 \(127.0.0.1:\d+\): no data"),
        (KeyError("x"), WorkerLost, r"worker 1 \(127.0.0.1:\d+\): KeyError: 'x'"),
        (KeyboardInterrupt(), WorkerLost, r"worker 1 \(127.0.0.1:\d+\) was interrupted"),
    ],
)
def test_a_failure_of_one_worker_is_told_by_all(together, failure, kind, wanted):
    def work(team):
        with working(team):
            if team.index == 1:
                raise failure
            team.links.next(0 if team.index else 1)  # something that never comes

    def told(team):
        with pytest.raises(type(failure) if team.index == 1 else kind) as found:
            work(team)
        return str(found.value)

    said = together(told, 3)
    for index in (0, 2):
        assert re.fullmatch(wanted, said[index])


def test_a_loss_is_known_everywhere_even_if_worker_0_is_busy(together):
    def work(team):
        if team.index == 2:
            team.links.close("worker 2 is gone")
        elif team.index == 1:
            return raised(lambda team: team.links.next(0))(team)
        else:
            time.sleep(2)
        return None

    assert together(work, 3)[1] == "worker 2 is gone"


def test_a_failure_names_the_folder_that_all_share(together, tmp_path):
    shared = tmp_path / "runs" / "mine"

    def work(team):
        with pytest.raises(UserError) as found, working(team):
            own = team.own_folder(shared, False)
            if team.index:
                raise UserError(f"there is no space left to write to {own}")
            team.links.next(1)
        return str(found.value), own

    (said, first), (other_said, second) = together(work)
    assert first == shared != second
    assert said.endswith(f": there is no space left to write to {shared}")
    assert other_said == f"there is no space left to write to {shared}"
    assert not second.parent.exists()


def test_all_end_together(together):
    ended = []

    def work(team):
        with working(team):
            assert isinstance(current(), Team)
            time.sleep(0.3 * team.index)
            ended.append(team.index)
        return sorted(ended)

    assert together(work, 3) == [[0, 1, 2]] * 3
    assert isinstance(current(), Alone)


def test_a_stop_is_told_by_worker_0_alone(together):
    def work(team):
        with pytest.raises(Interrupted) as stop, working(team):
            raise Interrupted("stopped; to continue: ...", 15)
        return stop.value.exit_code, str(stop.value)

    (code, said), (other_code, other_said) = together(work)
    assert code == other_code == 143
    assert "to continue" in said
    assert "to continue" not in other_said


def test_a_worker_that_falls_silent_is_given_up(together, monkeypatch):
    monkeypatch.setattr(links, "SILENCE", 0.5)
    together(lambda team: None)  # connects

    def fall_silent(team):
        if team.index == 1:
            team.links.send = lambda *ignored: None
            time.sleep(3)
            return None
        return raised(lambda team: team.links.next(1))(team)

    assert "does not answer any more" in together(fall_silent)[0]


def connect_all(*members, patience=5):
    def connected(cluster):
        try:
            found = links._connect(cluster, patience)
        except UserError as error:
            return str(error)
        for link in found.values():
            link.close()
        return sorted(found)

    with ThreadPoolExecutor(len(members)) as pool:
        return list(pool.map(connected, members))


def test_strangers_are_ignored():
    first, second = clusters()
    words = (b"GET / HTTP/1.1\r\n\r\n", b"", b"x" * 20_000, b"[1]\n", b"[" * 2_000 + b"\n",
             b'{"worker": 1}\n')  # fmt: skip

    def disturb():
        for word in words:
            for _ in range(50):
                try:
                    with socket.create_connection((first.host, first.port), timeout=1) as link:
                        link.sendall(word)
                    break
                except OSError:
                    time.sleep(0.02)

    stranger = threading.Thread(target=disturb)
    stranger.start()
    with ThreadPoolExecutor(2) as pool:
        leading = pool.submit(connect_all, first)
        stranger.join()
        assert pool.submit(connect_all, second).result() == [[0]]
        assert leading.result() == [[1]]


def test_a_stranger_that_says_little_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(links, "STRANGER", 0.5)
    first, second = clusters()

    def say_little(link):
        with contextlib.suppress(OSError):  # it is sent away
            for _ in range(20):
                link.sendall(b"x")
                time.sleep(0.25)

    with ThreadPoolExecutor(3) as pool:
        leading = pool.submit(connect_all, first, patience=3)
        while True:
            with contextlib.suppress(OSError):
                stranger = socket.create_connection((first.host, first.port))
                break
        with stranger:
            pool.submit(say_little, stranger)
            assert connect_all(second, patience=3) == [[0]]
            assert leading.result() == [[1]]


def test_a_missing_worker_is_named():
    first, second, third = clusters(3)
    said = connect_all(first, third, patience=1)
    for each in said:
        assert second.name(1) in each
        assert "did not start within 1 seconds" in each
    (alone,) = connect_all(second, patience=1)
    assert first.name(0) in alone


def test_two_workers_with_one_number_are_told():
    first, second, third = clusters(3)
    said = connect_all(first, second, second, patience=2)
    assert any("is there already" in str(each) for each in said[1:])
    assert third.name(2) in said[0]


def test_a_port_in_use_is_told():
    first, _ = clusters()
    with socket.create_server(("", first.port)):
        (said,) = connect_all(first)
    assert first.name(0) in said
    assert "choose another" in said


def tf_config(**changes):
    config = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
    return {"TF_CONFIG": json.dumps({**config, **changes})}


def test_tf_config_tells_the_workers():
    assert find_cluster(tf_config()) == Cluster(("a:1", "b:2"), 1)
    jobs = {"chief": ["c:3"], "worker": ["a:1", "b:2"]}
    assert find_cluster(tf_config(cluster=jobs)) == Cluster(("c:3", "a:1", "b:2"), 2)
    chief = {"type": "chief", "index": 0}
    assert find_cluster(tf_config(cluster=jobs, task=chief)) == Cluster(("c:3", "a:1", "b:2"), 0)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TF_CONFIG": "{"},
        {"TF_CONFIG": "[]"},
        {"TF_CONFIG": "{}"},
        tf_config(cluster={"worker": ["a"]}),
        tf_config(cluster={"worker": [3, 4]}),
        tf_config(cluster={"worker": ["a:0"]}),
        tf_config(cluster={"worker": ["a:1"], "ps": ["b:2"]}),
        tf_config(task={"type": "worker", "index": 2}),
        tf_config(task={"type": "worker", "index": -1}),
        tf_config(task={"type": "evaluator", "index": 0}),
        tf_config(task={"type": "worker"}),
        {"SLURM_PROCID": "0", "SLURM_JOB_ID": "7"},
    ],
)
def test_what_cannot_be_understood_is_told(environment, monkeypatch):
    for name in environment:
        monkeypatch.setenv(name, environment[name])
    with pytest.raises(UserError, match=r"TF_CONFIG|Slurm|numbered"):
        find_cluster(environment)


SLURM = {
    "SLURM_JOB_ID": "123456",
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_STEP_NODELIST": "n[9-10]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
}


@pytest.mark.parametrize(
    ("rank", "node", "local", "own"),
    [("0", "n9", "0", "n9:13456"), ("1", "n9", "1", "n9:13457"), ("2", "n10", "0", "n10:13456")],
)
def test_slurm_tells_the_workers(monkeypatch, rank, node, local, own):
    # Text is sorted with n10 before n9, but the number of a task follows the list of nodes.
    variables = {
        **SLURM,
        "SLURM_PROCID": rank,
        "SLURMD_NODENAME": node,
        "SLURM_LOCALID": local,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = find_cluster(variables)
    assert sorted(found.addresses) == ["n10:13456", "n9:13456", "n9:13457"]
    assert found.addresses[found.index] == own


@pytest.mark.slow
def test_two_processes_compute_what_one_computes(tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    workers = {
        index: CONTEXT.Process(target=train_all, args=(index, addresses, tmp_path / str(index)))
        for index in range(2)
    }
    for worker in workers.values():
        worker.start()
    ours = {family: trained(*FAMILIES[family]) for family in FAMILIES}
    assert codes_of(workers, 400) == [0, 0]
    first, second = (pickle.loads((tmp_path / str(index)).read_bytes()) for index in range(2))
    for family, (weights, _, history) in ours.items():
        (others, _, of_others), (more, _, of_more) = first[family], second[family]
        assert difference(weights, others) < 1e-4, family
        assert difference(others, more) == 0, family  # both workers have the same bits
        assert of_others == of_more
        assert of_others.keys() == history.keys()
        for name in history:
            np.testing.assert_allclose(of_others[name], history[name], rtol=2e-4, atol=2e-4)


SCALE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")


def block_of(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", SCALE, re.DOTALL)
    return found


def test_the_manifest_names_the_workers_that_it_starts():
    service, job = yaml.safe_load_all(block_of("yaml"))
    name, spec = job["metadata"]["name"], job["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    index, config = container["env"]
    assert spec["completions"] == spec["parallelism"]
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}
    for number in range(spec["completions"]):
        said = config["value"].replace(f"$({index['name']})", str(number))
        found = find_cluster({config["name"]: said})
        assert found.index == number
        assert found.count == spec["completions"]
        host, _, _ = found.addresses[number].partition(":")
        assert host == f"{name}-{number}.{pod['subdomain']}"
    python, module, door, *options = container["command"]
    assert (python, module, door) == ("python", "-m", "genai_keras.train_gan")
    assert parse_config(GANConfig, options).devices == "cluster"


def test_a_shell_can_run_the_batch_file(tmp_path):
    (tmp_path / "srun").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "srun").chmod(0o755)

    def words():
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        run = subprocess.run(
            ["bash"], input=block_of("sh"), cwd=tmp_path, env=environment, text=True,
            capture_output=True, check=True,
        )  # fmt: skip
        return run.stdout.split()

    first = words()
    assert first[:3] == [".venv/bin/python", "-m", "genai_keras.train_gan"]
    assert parse_config(GANConfig, first[3:]).devices == "cluster"
    (tmp_path / "runs" / "gan").mkdir(parents=True)
    (tmp_path / "runs" / "gan" / "config.json").touch()
    assert words() == [*first, "--resume"]
