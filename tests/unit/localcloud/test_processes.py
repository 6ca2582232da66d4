"""Recognising, ending and finding the processes and ports of the local cloud."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud import processes
from localcloud.processes import Identity

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Start Python code as the local cloud starts its parts, and end remaining processes after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> subprocess.Popen[bytes]:
        process = processes.start([sys.executable, "-c", code], os.environ, tmp_path / "child.log")
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def identity_of(process: subprocess.Popen[bytes]) -> Identity:
    identity = processes.identify(process.pid)
    assert identity is not None
    return identity


def test_a_process_is_recognised_again() -> None:
    identity = processes.identify(os.getpid())
    assert identity is not None
    assert processes.is_running(identity)
    assert processes.commands_of([os.getpid()])[os.getpid()]


def test_a_reused_pid_is_not_recognised() -> None:
    assert not processes.is_running(Identity(os.getpid(), started="another time"))


def test_a_zombie_process_is_not_running(
    child: Callable[[str], subprocess.Popen[bytes]],
) -> None:
    process = child("import time; time.sleep(60)")
    identity = identity_of(process)
    os.kill(process.pid, signal.SIGKILL)
    # Nobody waits for it, so that it stays a zombie.
    assert processes.wait_until(lambda: not processes.is_running(identity), seconds=5)


def test_another_process_with_the_same_pid_is_not_ended(
    child: Callable[[str], subprocess.Popen[bytes]],
) -> None:
    process = child("import time; time.sleep(60)")
    processes.end([Identity(process.pid, started="another time")], patience_seconds=0.1)
    assert process.poll() is None


def test_a_process_that_ignores_sigterm_is_killed_in_time(
    child: Callable[[str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    process = child(STUBBORN)
    assert processes.wait_until(lambda: "ready" in (tmp_path / "child.log").read_text(), seconds=5)
    started = time.monotonic()
    processes.end([identity_of(process)], patience_seconds=0.1)
    assert process.wait() == -signal.SIGKILL
    assert time.monotonic() - started < 3


def test_a_paused_process_is_ended_too(child: Callable[[str], subprocess.Popen[bytes]]) -> None:
    process = child("import time; time.sleep(60)")
    identity = identity_of(process)
    os.kill(process.pid, signal.SIGSTOP)
    processes.end([identity], patience_seconds=0.1)
    assert process.wait(5) < 0


def test_a_port_in_use_is_reported_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not processes.is_port_free(port)
        assert str(os.getpid()) in (processes.holder_of(port) or "")
    assert processes.is_port_free(port)
    assert processes.holder_of(port) is None
