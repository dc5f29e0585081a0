"""The connections between the workers of a run: from worker 0 to each other one.

A message is a line of JSON. The connections are made at the address of worker 0 that TensorFlow
uses afterwards, so no other port has to be free or open.
"""

import contextlib
import json
import os
import queue
import socket
import sys
import threading
import time

from genai_keras.errors import UserError, WorkerLost, one_line

START = 300  # seconds in which all workers must have started
SETTING = "GENAI_KERAS_START"  # replaces it
BEAT = 1  # seconds between two signs of life
SILENCE = 60  # seconds without one after which a worker is given up
GRACE = 30  # seconds to end in order when a worker is lost
STRANGER = 4  # seconds in which who connects must say who it is
MOST = 10_000  # bytes of that
LATE = "did not start within {:.0f} seconds: start the same command there"


class Links:
    """The connections of this worker.

    Args:
        cluster: a `Cluster` of two or more workers.
        clean_up: a function that is called if the process must be ended.

    Attributes:
        lost: why the run cannot go on, in a line; None as long as it can.
        asked_to_stop: the number of a signal that another worker has received, or None.

    Raises:
        UserError: a worker is missing, or does not belong to this run.
    """

    def __init__(self, cluster, clean_up=lambda: None):
        self.cluster = cluster
        self.clean_up = clean_up
        self.lost = None
        self.asked_to_stop = None
        self.closed = threading.Event()
        self.sending = threading.Lock()
        self.sockets = _connect(cluster, float(os.environ.get(SETTING, START)))
        self.inbox = {peer: queue.Queue() for peer in self.sockets}  # for the main thread
        self.heard = dict.fromkeys(self.sockets, time.monotonic())
        self.done = set()  # workers that have ended in order
        self.receivers = [
            threading.Thread(target=self._receive, args=(peer,), daemon=True)
            for peer in self.sockets
        ]
        for receiver in self.receivers:
            receiver.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def send(self, message):
        """Sends a dictionary to all workers that this one is connected to."""
        for link in self.sockets.values():
            with self.sending, contextlib.suppress(OSError):  # `_receive` notices that it has ended
                _send_to(link, message)

    def next(self, peer):
        """Waits for the next message of a worker.

        Raises:
            WorkerLost: there will be none.
        """
        while True:
            try:
                return self.inbox[peer].get(timeout=BEAT / 4)
            except queue.Empty:
                if self.lost or peer in self.done:
                    said = self.lost or f"{self.cluster.name(peer)} has ended"
                    raise WorkerLost(said) from None

    def close(self, why=None):
        """Ends the connections; without a reason, only after all others do the same.

        Args:
            why: the line with which the others must end, too.
        """
        leads = not self.cluster.index
        if why or not leads:
            self.send({"lost": why} if why else {"end": True})
        while not why and not self.lost and self.done != self.sockets.keys():
            time.sleep(BEAT / 20)
        if leads and not why:
            self.send({"end": True})
        self.closed.set()
        for link in self.sockets.values():
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_WR)
        for receiver in self.receivers:
            receiver.join(BEAT)

    def blame_silence(self, seconds):
        """Gives up a worker that has not shown a sign of life for so long."""
        for peer, heard in self.heard.items():
            if peer not in self.done and time.monotonic() - heard > seconds:
                self._lose(f"{self.cluster.name(peer)} does not answer any more")

    def _receive(self, peer):
        with (
            contextlib.suppress(OSError, ValueError),
            self.sockets[peer] as link,
            link.makefile("rb") as lines,
        ):
            for line in lines:
                self.heard[peer] = time.monotonic()
                message = json.loads(line)
                if "lost" in message:
                    self._lose(message["lost"])
                elif "stop" in message:
                    self.asked_to_stop = message["stop"]
                elif "end" in message:
                    self.done.add(peer)
                elif message:
                    self.inbox[peer].put(message)
        if peer not in self.done:
            self._lose(f"{self.cluster.name(peer)} has ended without a word, as if it was killed")

    def _watch(self):
        while not self.closed.wait(BEAT):
            self.send({})  # a sign of life
            self.blame_silence(SILENCE)

    def _lose(self, why):
        if self.lost or self.closed.is_set():
            return
        self.lost = why
        if not self.cluster.index:
            self.send({"lost": why})
        threading.Thread(target=self._end_at_last, daemon=True).start()

    def _end_at_last(self):
        """Ends the process if it waits within TensorFlow for somebody who will never come."""
        if not self.closed.wait(GRACE):
            with contextlib.suppress(Exception):  # nothing may keep it from ending
                self.clean_up()
            with contextlib.suppress(Exception):
                print(f"error: {self.lost}", file=sys.__stderr__, flush=True)
            os._exit(1)


def _connect(cluster, patience):
    """Connects this worker.

    Args:
        cluster: a `Cluster`.
        patience: seconds in which all workers must have started.

    Returns:
        Sockets by the number of the other worker: on worker 0 all others, elsewhere that of 0.

    Raises:
        UserError: a worker is missing, or does not belong to this cluster.
    """
    end = time.monotonic() + patience
    return _call_first(cluster, end) if cluster.index else _await_others(cluster, end)


def _await_others(cluster, end):
    """Waits for a greeting of each worker."""
    patience = end - time.monotonic()
    try:
        server = socket.create_server(("", cluster.port), backlog=cluster.count)
    except OSError as error:
        raise UserError(
            f"{cluster.name(0)} cannot use its port ({one_line(error)}): choose another"
        ) from None
    links = {}
    with server:
        while missing := sorted(set(range(1, cluster.count)) - links.keys()):
            server.settimeout(max(0.01, end - time.monotonic()))
            try:
                link, _ = server.accept()
            except ConnectionError:
                continue
            except TimeoutError:
                who = ", ".join(map(cluster.name, missing))
                why = f"{who} {LATE.format(patience)}"
                for link in links.values():
                    _refuse(link, why)
                raise UserError(why) from None
            try:
                hello = json.loads(_first_line(link, time.monotonic() + STRANGER))
                peer, plan = hello["worker"], hello["of"]
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                link.close()
                continue
            if peer in missing and plan == cluster.plan:
                link.settimeout(None)
                links[peer] = link
            else:
                why = f"worker {peer} is there already, or has other addresses or GPUs"
                _refuse(link, f"{why} than worker 0: {', '.join(map(str, cluster.plan))}")
    for link in links.values():
        _send_to(link, {"go": True})
    return links


def _refuse(link, why):
    with link, contextlib.suppress(OSError):
        _send_to(link, {"lost": why})


def _call_first(cluster, end):
    """Greets worker 0 until it answers, which it does when all are there."""
    patience, problem = end - time.monotonic(), ""
    while time.monotonic() < end:
        try:
            return {0: _greet(cluster, end)}
        except (OSError, json.JSONDecodeError, RecursionError) as error:
            problem = one_line(error)  # it has not started, or another program is still there
        time.sleep(BEAT / 4)
    raise UserError(f"{cluster.name(0)} {LATE.format(patience)} ({problem})")


def _greet(cluster, end):
    address = cluster.host, cluster.port
    with contextlib.ExitStack() as opened:
        link = opened.enter_context(socket.create_connection(address, timeout=BEAT))
        _send_to(link, {"worker": cluster.index, "of": cluster.plan})
        answer = json.loads(_first_line(link, end + STRANGER))
        if "lost" in answer:
            raise UserError(answer["lost"])
        link.settimeout(None)
        opened.pop_all()
        return link


def _first_line(link, end):
    """The first line of a connection, and nothing of the next, until a point in time."""
    line = b""
    while not line.endswith(b"\n"):
        link.settimeout(max(0.01, end - time.monotonic()))
        if len(line) >= MOST or not (byte := link.recv(1)):
            raise ConnectionError("it has been closed")
        line += byte
    return line


def _send_to(link, message):
    link.sendall(json.dumps(message).encode() + b"\n")
