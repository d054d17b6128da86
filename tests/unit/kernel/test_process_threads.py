"""Threads of a process, and when it was started."""

from __future__ import annotations

import os
import threading
import time

import pytest

from orlop.errors import NotFound
from orlop.kernel import process


def test_when_a_process_was_started() -> None:
    before = time.time()
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        assert before - 0.1 <= process.started_at(process.identify(child)) <= time.time() + 0.1
    finally:
        os.waitpid(child, 0)


def test_threads_and_their_own_status() -> None:
    assert os.getpid() in process.threads(os.getpid())
    ready, done = threading.Event(), threading.Event()
    ids: list[int] = []

    def work() -> None:
        ids.append(threading.get_native_id())
        ready.set()
        done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        assert ids[0] in process.threads(os.getpid())
        found = process.read_thread_status(os.getpid(), ids[0])
        assert (found.pid, found.tracer) == (os.getpid(), process.read_status().tracer)
    finally:
        done.set()
        thread.join()
    assert process.threads(1 << 22) == ()
    with pytest.raises(NotFound):
        process.read_thread_status(os.getpid(), 1)
