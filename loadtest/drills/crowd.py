"""A crowd that votes in the background while a drill or a test breaks or changes the platform."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import httpx

from votectl import demo
from votectl.counts import CountReader
from votectl.traffic import Traffic, conversations, send
from voting.polls import Poll

SENDERS = 4
THROTTLED = 429


class Crowd:
    """Voters in some polls, round after round, at each of the addresses that they know in turn.

    ``traffic`` holds their requests and the answers; ``rounds`` counts the rounds at each address.
    """

    def __init__(
        self,
        reader: CountReader,
        polls: Sequence[Poll],
        *addresses: str,
        voters: int = 20,
        pause: float = 0.0,
        auth: httpx.Auth | None = None,
    ) -> None:
        """Take the polls, the addresses known at first, the voters of a round, and the pause after it in seconds."""
        self.addresses = list(addresses)
        self.traffic = Traffic()
        self.rounds: Counter[str] = Counter()
        self._polls = polls
        self._observation = demo.Observation(reader, polls)
        self._voters = voters
        self._pause = pause
        self._auth = auth

    @contextmanager
    def voting(self) -> Iterator[None]:
        """Let them vote until the block ends."""
        over = threading.Event()
        thread = threading.Thread(target=self._vote_until, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _vote_until(self, over: threading.Event) -> None:
        options = {poll.poll_id: [option.id for option in poll.options] for poll in self._polls}
        for number in itertools.count(1):
            address = self.addresses[number % len(self.addresses)]
            talks = list(conversations(options, self._voters, seed=number))
            asyncio.run(send(address, talks, self.traffic, SENDERS, auth=self._auth))
            self.rounds[address] += 1
            if over.wait(self._pause):
                return

    def checks(self) -> list[demo.Check]:
        """Compare all counts and stored votes with the traffic; 429 is a correct answer here."""
        refused = Counter({key: n for key, n in self.traffic.refused.items() if key[1] != THROTTLED})
        return demo.checks(replace(self.traffic, refused=refused), self._observation, self._polls)

    def disagreements(self) -> list[demo.Check]:
        """Return the comparisons that do not hold."""
        return [check for check in self.checks() if not check.agrees]
