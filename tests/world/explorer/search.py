"""Search a graph of states, in which equal states are merged: count all paths, and find a bad state.

A schedule is a path from the start to a state without a step. Schedules are counted, not walked one by one:
through each state go as many as its followers have. The graph must have no cycle, and that is checked.
"""

import time
from array import array
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple, Protocol


class Broken(AssertionError):
    """A state or a step breaks a promise."""


class Graph[S](Protocol):
    """The graph to search."""

    def start(self) -> S:
        """Return the first state."""
        ...

    def steps(self, state: S) -> Iterator[tuple[str, S | Broken]]:
        """Yield every step by its name, which is unique in the state, with the state behind it or what it breaks."""
        ...

    def check(self, state: S, *, last: bool) -> None:
        """Look at a state once; ``last``: no step leads on from it.

        Raises:
            Broken: it breaks a promise.
        """
        ...

    def key(self, state: S) -> Hashable:
        """Return a key that is the same for equal states."""
        ...


class Finding(NamedTuple):
    """A broken promise, and the shortest schedule that breaks it."""

    schedule: tuple[str, ...]
    what: str


class Explored(NamedTuple):
    """The result of a search. ``depth``: the steps of the longest schedule."""

    schedules: int
    states: int
    transitions: int
    depth: int
    seconds: float
    finding: Finding | None


def explore[S](graph: Graph[S]) -> Explored:
    """Take every step from every state, until all are taken or one breaks a promise."""
    began = time.monotonic()
    start = graph.start()
    numbers: dict[Hashable, int] = {graph.key(start): 0}
    came_from: list[tuple[int, str]] = [(-1, "")]
    sources, targets = array("I"), array("I")
    waiting: deque[tuple[int, S]] = deque([(0, start)])
    finding: Finding | None = None
    while waiting and finding is None:
        number, state = waiting.popleft()
        last = True
        for label, follows in graph.steps(state):
            if isinstance(follows, Broken):
                finding = Finding((*_schedule(came_from, number), label), str(follows))
                break
            key = graph.key(follows)
            known = numbers.get(key)
            if known == number:
                continue  # nothing has changed: no step
            last = False
            if known is None:
                known = numbers[key] = len(came_from)
                came_from.append((number, label))
                waiting.append((known, follows))
            sources.append(number)
            targets.append(known)
        if finding is None:
            try:
                graph.check(state, last=last)
            except Broken as error:
                finding = Finding(_schedule(came_from, number), str(error))
    schedules, depth = (0, 0) if finding else _count(len(came_from), sources, targets)
    return Explored(schedules, len(came_from), len(sources), depth, time.monotonic() - began, finding)


def replay[S](graph: Graph[S], schedule: Iterable[str]) -> Iterator[tuple[str, S]]:
    """Take the steps of a schedule; yield the state behind each.

    Raises:
        Broken: where it breaks a promise.
        KeyError: the schedule names a step that there is not.
    """
    state = graph.start()
    for label in schedule:
        follows = dict(graph.steps(state))[label]
        if isinstance(follows, Broken):
            raise follows
        state = follows
        yield label, state
    graph.check(state, last=not any(graph.key(after) != graph.key(state) for _, after in _good(graph, state)))


def _good[S](graph: Graph[S], state: S) -> Iterator[tuple[str, S]]:
    for label, follows in graph.steps(state):
        if not isinstance(follows, Broken):
            yield label, follows


def _schedule(came_from: list[tuple[int, str]], number: int) -> tuple[str, ...]:
    labels = []
    while number:
        number, label = came_from[number]
        labels.append(label)
    return tuple(reversed(labels))


def _count(states: int, sources: array[int], targets: array[int]) -> tuple[int, int]:
    """Return how many paths lead from state 0 to an end, and how long the longest is."""
    out_degree = array("I", bytes(4 * states))
    for source in sources:
        out_degree[source] += 1
    into: list[list[int]] = [[] for _ in range(states)]
    for source, target in zip(sources, targets, strict=True):
        into[target].append(source)
    paths, length = [0] * states, [0] * states
    ready = [number for number in range(states) if not out_degree[number]]
    for number in ready:
        paths[number] = 1
    done = 0
    while ready:
        number = ready.pop()
        done += 1
        for source in into[number]:
            paths[source] += paths[number]
            length[source] = max(length[source], length[number] + 1)
            out_degree[source] -= 1
            if not out_degree[source]:
                ready.append(source)
    assert done == states, "the graph has a cycle, so its schedules can't be counted"
    return paths[0], length[0]
