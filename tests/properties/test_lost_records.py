"""A batch that is given up and reaches no bucket: only an operator can get a certificate without its votes."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import world.tallying
from voting.final import Acknowledgement
from voting.tallies import ACKNOWLEDGED, ACKNOWLEDGEMENT
from world.closing_defects import LOSS_DEFECTS
from world.cloud import Cloud, WorldSettings
from world.tallying import SETTLE_MS, TALLIES, Tally

pytestmark = pytest.mark.usefixtures("small_calls")

VOTERS = 6
# CloudWatch tells of a loss when a tally has long settled: AWS promises no time.
METRICS_COME_AFTER_MS = SETTLE_MS + 10_000
STEPS = 500  # of 100 ms: longer than a tally waits for that


@pytest.fixture(scope="module", autouse=True)
def late_metrics() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.tallying, "METRICS_COME_AFTER_MS", METRICS_COME_AFTER_MS)
        yield


def world_with_a_poll(factor: int) -> Cloud:
    cloud = Cloud(WorldSettings(shard_count=2, writer_factor=factor))
    cloud.create_poll("poll", ["choice-a", "choice-b"], opens_after_ms=0, lasts_ms=10_000)
    cloud.clock.pass_time(2_000)
    for number in range(VOTERS):
        cloud.vote(f"voter-{number}", "poll", "choice-a")
    return cloud


def lose(cloud: Cloud, choice: int) -> None:
    """Let the writer's mapping give up a lane's votes, but not the markers after them; the bucket refuses all."""
    writer = cloud.mappings["writer"]
    votes = [
        (lane, sum(record.partition_key.startswith("voter-") for record in lane.records()[lane.done :]))
        for lane in cloud.ready_lanes("writer")
    ]
    lane, number = [(lane, number) for lane, number in votes if number][choice % sum(n > 0 for _, n in votes)]
    writer.destination_works = False
    writer.grow_too_old(lane, number)
    writer.destination_works = True


def nothing_happens() -> None:
    """Cause no fault."""


def tally_of(cloud: Cloud, skew_ms: int, when_marked: Callable[[], None] = nothing_happens) -> Tally:
    """Run a tally to its end, with healthy consumers; call ``when_marked`` during the drain."""
    cloud.clock.pass_time(max(0, cloud.polls["poll"].closes_at + SETTLE_MS + 500 - cloud.clock.now_ms))
    tally = cloud.start_tally("poll", skew_ms)
    happened = False
    for _ in range(STEPS):
        if tally.certified is not None:
            break
        tally.take_step()
        if tally.has_put_markers and not happened:
            happened = True
            when_marked()
        for consumer in cloud.mappings if happened else ():
            for lane in cloud.ready_lanes(consumer):
                cloud.deliver(consumer, lane, 100)
        cloud.clock.pass_time(100)
    return tally


def stored(cloud: Cloud) -> int:
    return len(cloud.database.tables["votes"].rows)


def check(cloud: Cloud, tally: Tally) -> None:
    """A certificate omits no vote, and a poll without losses gets one."""
    lost = bool(cloud.mappings["writer"].losses)
    assert (tally.certified is None) is lost
    assert lost or (tally.certified is not None and tally.certified.voters == VOTERS == stored(cloud))


factors = st.sampled_from([1, 2])
skews = st.sampled_from([-400, 0, 400])


@given(factor=factors, choice=st.integers(0, 7), skew_ms=skews, early=st.booleans(), loses=st.booleans())
def test_no_certificate_omits_lost_votes(
    factor: int, choice: int, skew_ms: int, early: bool, loses: bool
) -> None:
    cloud = world_with_a_poll(factor)

    def happens() -> None:
        if loses:
            lose(cloud, choice)

    if early:
        happens()
    check(cloud, tally_of(cloud, skew_ms, happens if not early else nothing_happens))


@given(factor=factors, choice=st.integers(0, 7))
def test_the_certificate_names_an_acknowledged_loss_and_its_operator(factor: int, choice: int) -> None:
    cloud = world_with_a_poll(factor)
    lose(cloud, choice)
    ((_, records),) = cloud.mappings["writer"].losses
    word = Acknowledgement(
        by="Ada",
        reason="known",
        acknowledged_at=0,
        dropped=records,
        undelivered=1,
        counts_missing=False,
    )
    cloud.database.tables[TALLIES].rows["poll", ACKNOWLEDGED] = {
        "poll_id": {"S": "poll"},
        "entry": {"S": ACKNOWLEDGED},
        ACKNOWLEDGEMENT: {"S": word.model_dump_json()},
    }
    tally = tally_of(cloud, 0)
    assert tally.certified is not None
    assert tally.certified.voters == VOTERS - records
    losses = tally.certified.proof.losses
    assert losses is not None
    assert (losses.dropped, losses.acknowledged) == (records, word)


@pytest.mark.parametrize("name", LOSS_DEFECTS)
def test_each_defect_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tally that reads losses too early, or not at all, certifies a result without the lost votes."""
    LOSS_DEFECTS[name](monkeypatch)
    cloud = world_with_a_poll(1)
    tally = tally_of(cloud, 0, lambda: lose(cloud, 0))
    with pytest.raises(AssertionError):
        check(cloud, tally)
