"""The pages' waits, as a separate module with a fake clock."""

from typing import Any

import numpy as np
import pytest

from scripts.spike import RETRY_AFTER_SECONDS, page_waits
from web.conftest import Visitor

LOAD = "const p = await import('/assets/pacing.js');"
# A clock that takes no time: sleeping moves it on.
CLOCK = (
    "const slept = []; let time = 0; const clock = { now: () => time, random: () => chance, "
    "sleep: async ms => { slept.push(ms); time += ms; } };"
)


def run(visitor: Visitor, code: str, chance: float = 0.5) -> Any:
    visitor.page.goto(f"{visitor.platform.origin}/config.json")
    return visitor.page.evaluate(f"async chance => {{ {LOAD} {CLOCK} {code} }}", chance)


def test_jitter_of_a_wait_doubles_up_to_a_minute(visitor: Visitor) -> None:
    code = "return [0, 1, 2, 3, 4, 5, 6, 40].map(n => p.retryDelay(n, 3, chance))"
    assert run(visitor, code, chance=1) == [1000 * (3 + part) for part in (2, 4, 8, 16, 32, 60, 60, 60)]
    assert run(visitor, code, chance=0) == [3000] * 8


def test_same_request_is_sent_until_it_is_answered(visitor: Visitor) -> None:
    code = (
        "let n = 0; const send = async () => n++ < 3 ? { again: true, retryAfter: 1 } : { status: 202 };"
        "const answer = await p.persist(send, { clock, until: 1e6 }); return [answer.status, n, slept]"
    )
    assert run(visitor, code) == [202, 4, [2000, 3000, 5000]]


def test_nothing_is_sent_after_the_end(visitor: Visitor) -> None:
    code = (
        "let n = 0; const send = async () => { n++; return { again: true, retryAfter: 9 }; };"
        "const answer = await p.persist(send, { clock, until: 20_000 }); return [answer, n, time]"
    )
    assert run(visitor, code, chance=0) == [None, 3, 18_000]


def test_wait_continues_from_an_earlier_page(visitor: Visitor) -> None:
    code = (
        "const at = []; const send = async () => { at.push(time); return { again: at.length < 2, retryAfter: 0 }; };"
        "await p.persist(send, { clock, until: 1e6, plan: { attempt: 3, at: 5000 } }); return at"
    )
    assert run(visitor, code, chance=1) == [5000, 21_000]


def test_reads_are_spread_and_failures_back_off(visitor: Visitor) -> None:
    code = (
        "let n = 0; const read = async () => ({ again: n++ === 1, retryAfter: 2 });"
        "await p.follow(read, { clock, first: 5000, every: () => n < 4 ? 5000 : null }); return slept.map(Math.round)"
    )
    assert run(visitor, code, chance=0) == [0, 4000, 2000, 4000]
    assert run(visitor, code, chance=1) == [5000, 6000, 4000, 6000]


def test_intervals_depend_on_visibility(visitor: Visitor) -> None:
    code = (
        "const all = {}; for (const s of ['scheduled', 'open', 'closing', 'counting', 'final', 'cancelled']) "
        "all[s] = [[false, false], [true, false], [false, true], [true, true]]"
        ".map(([h, b]) => p.refreshEvery(s, h, b));"
        "return all"
    )
    assert run(visitor, code) == {
        "scheduled": [None, None, 5000, 5000],
        "open": [5000, None, 1000, 5000],
        "closing": [5000, 15000, 1000, 1000],
        "counting": [5000, 15000, 1000, 1000],
        "final": [None] * 4,
        "cancelled": [None] * 4,
    }


def test_simulation_of_a_spike_waits_as_the_pages_do(visitor: Visitor) -> None:
    attempts = list(range(12))
    longest = run(visitor, f"return {attempts}.map(n => p.retryDelay(n, 0, chance) / 1000)", chance=1)
    waits = [page_waits(np.full(20_000, attempt), np.random.default_rng(1)) for attempt in attempts]
    told = max(RETRY_AFTER_SECONDS)
    assert [round(float(wait.max())) for wait in waits] == pytest.approx(
        [told + part for part in longest], abs=1
    )
