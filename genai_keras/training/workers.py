"""What the workers of a run agree on, beside the gradients that TensorFlow exchanges.

All workers do the same, because TensorFlow needs each of them to make a variable, to save or to
evaluate. But only what worker 0 writes and prints counts. It leads: what depends on the clock or on
a signal, it decides for all. The others write to a folder that is deleted in the end.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import tensorflow as tf

from genai_keras.errors import Interrupted, UserError, WorkerLost, one_line
from genai_keras.training.links import Links

SUSPECT = 4  # seconds of silence after which a worker is blamed if TensorFlow has lost somebody
KNOWN = 20  # seconds until it is known who that is
# Parts of a run folder that no worker needs to go on; worker 0 may be changing the first two.
NOT_NEEDED = ("run.pid*", "unfinished-*", "events.*", "plugins", "export", "features.npz")
SHORT = 50  # characters of a value that a message shows

_teams = []  # that of this process, if there is one


class Alone:
    """A process without other workers."""

    index, count = 0, 1
    leads = True

    def own_folder(self, run_dir, resumes):
        """The folder that this worker writes to: on worker 0, that of the run.

        Args:
            run_dir: the run folder.
            resumes: whether the run is there already.
        """
        return run_dir

    def compare(self, facts):
        """Makes sure that all workers have the same facts.

        Args:
            facts: a dictionary of JSON values by what they are called in a message.

        Raises:
            UserError: a worker has another value.
        """

    def gather(self, parts):
        """Lists that become longer, on worker 0, by those of the other workers."""
        return parts

    def agree(self, value):
        """The value that worker 0 has."""
        return value

    def agree_to_stop(self, received):
        """The number of a signal that one of the workers has received, or None."""
        return received


class Team(Alone):
    """All workers, as this one sees them. All call its methods in the same order.

    Args:
        cluster: a `Cluster` of two or more workers.

    Raises:
        UserError: a worker is missing, or does not belong to this run.
    """

    def __init__(self, cluster):
        self.cluster = cluster
        self.index, self.count = cluster.index, cluster.count
        self.leads = not self.index
        self.folder = None
        self.links = Links(cluster, self._delete_folder)

    def own_folder(self, run_dir, resumes):
        if self.leads:
            return run_dir
        self.run_dir = run_dir
        self.folder = tempfile.TemporaryDirectory(prefix="genai_keras-", ignore_cleanup_errors=True)
        own = Path(self.folder.name) / "run"
        if resumes:
            shutil.copytree(run_dir, own, ignore=shutil.ignore_patterns(*NOT_NEEDED))
        return own

    def compare(self, facts):
        facts = {name: _short(value) for name, value in facts.items()}
        if not self.leads:
            self.links.send({"facts": facts})
            self.agree(None)
            return
        for peer in range(1, self.count):
            theirs = self.links.next(peer)["facts"]
            for name, value in facts.items():
                if theirs.get(name) != value:
                    raise UserError(
                        f"{self.cluster.name(peer)} has another {name} ({theirs.get(name)}) than "
                        f"worker 0 ({value}): give all workers the same options and data"
                    )
        self.agree(None)

    def gather(self, parts):
        if not self.leads:
            self.links.send({"parts": parts})
            return parts
        longer = [[*part] for part in parts]
        for peer in range(1, self.count):
            for part, theirs in zip(longer, self.links.next(peer)["parts"], strict=True):
                part += theirs
        return longer

    def agree(self, value):
        if not self.leads:
            return self.links.next(0)["agreed"]
        self.links.send({"agreed": value})
        return value

    def agree_to_stop(self, received):
        if received and not self.leads:
            self.links.send({"stop": received})
        return self.agree(received or self.links.asked_to_stop)

    def in_shared_folder(self, text):
        """A message that names the run folder instead of this worker's own."""
        own = str(Path(self.folder.name) / "run") if self.folder else None
        return text.replace(own, str(self.run_dir)) if own else text

    def cause(self, error):
        """The line to end with if an exception is due to another worker; None if it is not."""
        if not isinstance(error, (WorkerLost, tf.errors.OpError)):
            return None
        end = time.monotonic() + KNOWN
        # TensorFlow knows that somebody is lost, but not who and why.
        while not self.links.lost and time.monotonic() < end:
            time.sleep(0.1)
            self.links.blame_silence(SUSPECT)
        return self.links.lost

    def end(self, why=None):
        """Ends the connections, as in `Links.close`, and deletes this worker's own folder."""
        self.links.close(why)
        self._delete_folder()

    def _delete_folder(self):
        if self.folder:
            self.folder.cleanup()


def current():
    """The `Team` of this process, or `Alone`."""
    return _teams[-1] if _teams else Alone()


@contextlib.contextmanager
def working(team):
    """Makes a team the current one; in the end, the others learn how this worker has ended.

    Of all workers but the first, only what ends them is printed.

    Raises:
        WorkerLost: another worker is the reason for a failure here.
    """
    _teams.append(team)
    own = team.cluster.name(team.index)
    try:
        with contextlib.nullcontext() if team.leads else _silence():
            yield
        team.end()
        if team.links.lost:
            raise WorkerLost(team.links.lost)
    except Interrupted as stop:
        team.end()
        if team.leads:
            raise
        raise Interrupted(f"{own} has stopped, too", stop.exit_code - 128) from None
    except KeyboardInterrupt:
        team.end(f"{own} was interrupted")
        raise
    except Exception as error:
        if cause := team.cause(error):
            team.end(cause)
            raise WorkerLost(cause) from None
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        said = kind + team.in_shared_folder(one_line(error))
        if isinstance(error, UserError):
            error.args = (team.in_shared_folder(str(error)),)
        team.end(said if said.startswith("worker ") else f"{own}: {said}")
        raise
    finally:
        _teams.remove(team)


@contextlib.contextmanager
def _silence():
    """Prints nothing: worker 0 says it, and warns of it, too."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def _short(value):
    """What is compared of a value: all of a short one, of others a hash."""
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) < SHORT else hashlib.sha256(text.encode()).hexdigest()[:12]
