from tally.closing import MARKERS_PER_LANE, markers_per_shard, put_markers
from tally.draining import DrainPlace, drain_of
from unit.tally.conftest import World
from voting.markers import CONSUMERS, marker_ids


def close(world: World, lanes: int = 1) -> list[str]:
    return put_markers("poll", "tally", lanes, world.stream, world.rows, world.slept.append)


def test_one_lane_needs_one_marker_and_several_need_enough_to_reach_each() -> None:
    assert markers_per_shard(1) == 1
    for lanes in range(2, 11):
        missed = lanes * (1 - 1 / lanes) ** markers_per_shard(lanes)
        assert missed < 1e-9


def test_every_open_shard_gets_its_markers(world: World) -> None:
    assert close(world, lanes=4) == ["shard-1", "shard-2"]
    assert sorted(world.stream.put) == sorted(
        (shard, marker)
        for shard in ("shard-1", "shard-2")
        for marker in marker_ids("tally", 4 * MARKERS_PER_LANE)
    )


def test_children_of_a_shard_that_splits_meanwhile_get_their_own_markers(world: World) -> None:
    world.stream.before_put = lambda number: world.stream.split("shard-1") if number == 3 else None
    shards = close(world, lanes=2)
    assert shards == ["shard-1-left", "shard-1-right", "shard-2"]
    for shard in shards:
        assert {marker for place, marker in world.stream.put if place == shard} == set(
            marker_ids("tally", 48)
        )
    assert world.slept  # the reshard gets a moment


def test_a_merged_shard_is_waited_for_in_place_of_its_parents(world: World) -> None:
    def merge(number: int) -> None:
        if number == 1:
            world.stream.merge("shard-1", "shard-2")

    world.stream.before_put = merge
    assert close(world) == ["shard-1+shard-2"]


def test_a_shard_that_appears_after_the_first_look_is_found_by_the_second(world: World) -> None:
    looks = iter(range(100))

    def grow() -> None:
        if next(looks) == 1:
            world.stream.split("shard-2")

    world.stream.before_list = grow
    assert close(world) == ["shard-1", "shard-2-left", "shard-2-right"]


def test_a_drain_is_complete_once_every_consumer_has_passed_every_marker() -> None:
    ids = marker_ids("tally", 3)
    everything = frozenset(ids) | {"of-another-tally-0"}
    rows = {
        DrainPlace(consumer, shard): everything for consumer in CONSUMERS for shard in ("s1", "s2", "closed")
    }
    assert drain_of(rows, ["s1", "s2"], ids).complete
    for place in [place for place in rows if place.shard_id != "closed"]:
        for missing in ids:
            drain = drain_of({**rows, place: everything - {missing}}, ["s1", "s2"], ids)
            assert drain.behind == [place]
            assert sum(drain.passed.values()) == sum(drain.expected.values()) - 1
        assert not drain_of({p: there for p, there in rows.items() if p != place}, ["s1", "s2"], ids).complete
