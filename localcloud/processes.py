"""Processes that outlive the command that started them: finding them again, and ending them.

A pid alone does not identify a process: the system reuses pids. So a process is stored with the time of its start, and
only one that still has both gets a signal.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that can be told from a later one with the same pid."""

    pid: int
    started: str


def identify(pid: int) -> Identity | None:
    """The identity of a running process; None if it does not run, or is a zombie."""
    if _PROC.joinpath("self/stat").exists():
        try:
            stat = _PROC.joinpath(str(pid), "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The second field is the command in brackets, and may hold anything.
        fields = stat.rpartition(")")[2].split()
        state, started_in_ticks = fields[0], fields[19]
        return None if state in "ZX" else Identity(pid, started_in_ticks)
    done = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    state, _, started = done.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else Identity(pid, started.strip())


def is_running(identity: Identity) -> bool:
    """Whether the same process is still running."""
    return identify(identity.pid) == identity


def commands_of(pids: Iterable[int]) -> dict[int, str]:
    """The command lines of the running ones of the processes."""
    wanted = ",".join(map(str, pids))
    if not wanted:
        return {}
    done = subprocess.run(
        ["ps", "-ww", "-o", "pid=,command=", "-p", wanted], capture_output=True, text=True, check=False
    )
    lines = (line.split(maxsplit=1) for line in done.stdout.splitlines())
    return {int(pid): command for pid, command in lines}


def start(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a process that stays when this one ends; its output goes to the log, from its beginning."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(identities: Iterable[Identity], patience_seconds: float) -> None:
    """End processes: terminate them all, wait for them together, then kill the rest. Return when none is running."""
    running = [identity for identity in identities if is_running(identity)]
    for identity in running:
        _signal(identity, signal.SIGTERM)
    running = _wait_for_the_end(running, patience_seconds)
    for identity in running:
        _signal(identity, signal.SIGKILL)
        # A process that a debugger or a chaos test has stopped must continue to be able to end.
        _signal(identity, signal.SIGCONT)
    _wait_for_the_end(running, 5.0)


def _signal(identity: Identity, number: signal.Signals) -> None:
    if is_running(identity):
        # Each has its own session, so that its group holds only its own children.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(identity.pid, number)


def _wait_for_the_end(identities: list[Identity], seconds: float) -> list[Identity]:
    running = identities
    wait_until(lambda: not any(map(is_running, running)), seconds)
    return [identity for identity in running if is_running(identity)]


def wait_until(condition: Callable[[], bool], seconds: float, interval_seconds: float = 0.05) -> bool:
    """Wait until a condition is met; False if it is not within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_seconds)
    return True


def is_port_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1 at that port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of one that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> str | None:
    """Who listens on a port, as "name (pid 1)"; None when that can't be seen."""
    if (inodes := _listening_inodes(port)) is not None:
        pid = _owner_of_socket(inodes)
        if pid is None:
            return None
        name = _PROC.joinpath(str(pid), "comm").read_text().strip()
        return f"{name} (pid {pid})"
    if lsof := shutil.which("lsof"):
        done = subprocess.run(
            [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found := re.search(r"^p(\d+)\nc(.+)$", done.stdout, re.MULTILINE):
            return f"{found[2]} (pid {found[1]})"
    return None


def _listening_inodes(port: int) -> set[str] | None:
    """The sockets that listen on a port; None where the system has no such list."""
    inodes: set[str] = set()
    tables = [table for table in (_PROC / "net/tcp", _PROC / "net/tcp6") if table.exists()]
    for table in tables:
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes if tables else None


def _owner_of_socket(inodes: set[str]) -> int | None:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in _PROC.glob("[0-9]*/fd"):
        try:
            if any(str(link.readlink()) in wanted for link in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:
            # Another user's process, or one that has just ended.
            continue
    return None
