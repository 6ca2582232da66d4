"""Latencies: percentiles, and curves over a run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadtest.answers import Answer

type Array = NDArray[np.float64]

PERCENTILES = (50, 90, 95, 99, 100)


class Sample(NamedTuple):
    """Number of counted records of the run's polls and of no poll, at a time (epoch ms, the cloud's clock)."""

    at_ms: int
    counted: int


class Latencies(NamedTuple):
    """Latency of answers in ms, at each of PERCENTILES."""

    answers: int
    at: tuple[float, ...]


class Lag(NamedTuple):
    """Age of live counts in s: median and worst of the samples."""

    median: float
    worst: float


class Timing(NamedTuple):
    """All times measured in a run.

    Attributes:
        acknowledged: latencies of acknowledged votes.
        refused: latencies of refused votes.
        read: latencies of results that viewers read.
        live_lag: None without samples.
        counted_after: s from the last vote until every acknowledged record was counted; None if never.
        final_after: s from each poll's end to its certificate.
    """

    acknowledged: Latencies
    refused: Latencies
    read: Latencies
    live_lag: Lag | None
    counted_after: float | None
    final_after: Mapping[str, float]


class Curves(NamedTuple):
    """A run in slices of time. Rates are per second, latencies in ms, the lag in s; times in s since its begin."""

    seconds: Array
    acknowledged: Array
    refused: Array
    unknown: Array
    latency: dict[int, Array]  # by percentile; NaN in a slice without answers
    sampled_at: Array
    sent_by_then: Array
    counted_by_then: Array
    lag: Array


def latencies_of(micros: Iterable[int]) -> Latencies:
    """Return the percentiles of durations in µs."""
    values = np.fromiter(micros, dtype=np.float64) / 1000
    if not len(values):
        return Latencies(0, tuple(0.0 for _ in PERCENTILES))
    return Latencies(len(values), tuple(float(value) for value in np.percentile(values, PERCENTILES)))


def lags_of(answers: Sequence[Answer], samples: Sequence[Sample]) -> Array:
    """Return for each sample how old (s) the oldest acknowledged record was that it had not counted."""
    answered = np.sort(
        np.array(
            [answer.sent_ms + answer.micros / 1000 for answer in answers if answer.acknowledged],
            dtype=np.float64,
        )
    )
    lags = []
    for sample in samples:
        behind = sample.counted < np.searchsorted(answered, sample.at_ms, side="right")
        lags.append((sample.at_ms - answered[max(sample.counted, 0)]) / 1000 if behind else 0.0)
    return np.array(lags, dtype=np.float64)


def lag_of(answers: Sequence[Answer], samples: Sequence[Sample]) -> Lag | None:
    """Return the age of live counts, or None without samples."""
    lags = lags_of(answers, samples)
    return Lag(float(np.median(lags)), float(np.max(lags))) if len(lags) else None


def drained_after(answers: Sequence[Answer], samples: Sequence[Sample]) -> float | None:
    """Return the s from the last acknowledgement until a sample had counted all of them, or None."""
    acknowledged = [answer.sent_ms + answer.micros / 1000 for answer in answers if answer.acknowledged]
    complete = [sample.at_ms for sample in samples if sample.counted >= len(acknowledged)]
    if not acknowledged or not complete:
        return None
    return max(0.0, (min(complete) - max(acknowledged)) / 1000)


def curves_of(
    answers: Sequence[Answer], samples: Sequence[Sample], began_ms: int, slices: int = 120
) -> Curves:
    """Return a run's curves, in so many slices of at least a second."""
    sent = np.array([answer.sent_ms for answer in answers], dtype=np.float64)
    since = (sent - began_ms) / 1000
    end = float(since.max()) + 1e-3 if len(since) else 1.0
    edges = np.linspace(0.0, end, max(1, min(slices, int(end))) + 1)
    width = edges[1] - edges[0]

    def rate(chosen: Iterable[bool]) -> Array:
        mask = np.fromiter(chosen, dtype=bool, count=len(answers))
        per_slice: Array = np.histogram(since[mask], edges)[0] / width
        return per_slice

    micros = np.array([answer.micros for answer in answers], dtype=np.float64) / 1000
    known = np.array([not answer.unknown for answer in answers], dtype=bool)
    place = np.digitize(since, edges) - 1
    latency = {percentile: np.full(len(edges) - 1, np.nan) for percentile in (50, 95, 99)}
    for slice_number in range(len(edges) - 1):
        here = micros[(place == slice_number) & known] if len(answers) else micros
        for percentile, values in latency.items():
            if len(here):
                values[slice_number] = np.percentile(here, percentile)
    sampled_at = np.array([(sample.at_ms - began_ms) / 1000 for sample in samples], dtype=np.float64)
    answered = np.sort(since[np.array([answer.acknowledged for answer in answers], dtype=bool)])
    return Curves(
        seconds=edges[1:],
        acknowledged=rate(answer.acknowledged for answer in answers),
        refused=rate(answer.refused for answer in answers),
        unknown=rate(answer.unknown for answer in answers),
        latency=latency,
        sampled_at=sampled_at,
        sent_by_then=np.searchsorted(answered, sampled_at).astype(np.float64),
        counted_by_then=np.array([sample.counted for sample in samples], dtype=np.float64),
        lag=lags_of(answers, samples),
    )
