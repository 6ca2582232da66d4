import random
from pathlib import Path

import pytest

from results_pack import steps
from results_pack.sealing import OtherVotes
from results_pack.steps import NoFinal, OtherPack, PackRuntime, PackState
from results_pack.verify_pack import verify
from unit.results_pack.conftest import VOTES, Failing, World
from unit.votectl.pack.packs import SIGNER, content_of, final_of, make


@pytest.fixture
def exported(tmp_path: Path) -> dict[str, bytes]:
    """The pack that `votectl export` writes."""
    return content_of(make(tmp_path / "pack", VOTES))


def spilled(world: World, execution: str = "execution") -> tuple[PackRuntime, PackState]:
    """Read all votes."""
    runtime = world.runtime()
    state = steps.plan("finale", execution, runtime)
    for group in state.groups:
        assert steps.spill(state, group, runtime, lambda: 1_000)
    return runtime, state


def test_a_published_pack_has_the_bytes_of_an_exported_one(
    exported: dict[str, bytes], tmp_path: Path
) -> None:
    world = World()
    answer = world.publishing()
    assert answer == {"lines": 300, "parts": 4, "key_fingerprint": SIGNER.fingerprint}
    assert world.pack == exported
    folder = tmp_path / "published"
    folder.mkdir()
    for name, content in world.pack.items():
        (folder / name).write_bytes(content)
    verify(folder, SIGNER.fingerprint, lambda _sentence: None)


@pytest.mark.parametrize("bucket_count", [1, 7, 64])
@pytest.mark.parametrize("page_votes", [1, 49, 51, 5_000])
@pytest.mark.parametrize("groups", [1, 16])
def test_the_bytes_do_not_depend_on_buckets_pages_and_groups(
    exported: dict[str, bytes], bucket_count: int, page_votes: int, groups: int
) -> None:
    world = World(bucket_count=bucket_count, page_votes=page_votes, groups=groups)
    world.publishing()
    assert world.pack == exported


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_which_calls_failed(exported: dict[str, bytes]) -> None:
    calls = World()
    calls.publishing()
    for number in range(1, calls.failing.calls + 1):
        for failing in (Failing(before={number}), Failing(after={number})):
            world = World(failing=failing)
            world.publishing()
            assert world.pack == exported, failing


def test_the_bytes_do_not_depend_on_many_failures(exported: dict[str, bytes]) -> None:
    chance = random.Random(18)
    for _ in range(20):
        numbers = [number for number in range(1, 400) if chance.random() < 0.2]
        middle = len(numbers) // 2
        chance.shuffle(numbers)
        world = World(
            failing=Failing(set(numbers[:middle]), set(numbers[middle:])), page_votes=chance.randrange(1, 500)
        )
        world.publishing()
        assert world.pack == exported


def test_every_invocation_makes_progress_in_any_remaining_time(exported: dict[str, bytes]) -> None:
    world = World(remaining_ms=0)
    world.publishing()
    assert world.pack == exported


def test_an_invocation_that_comes_too_late_changes_nothing(exported: dict[str, bytes]) -> None:
    world = World()
    runtime = world.runtime()
    state = steps.plan("finale", "execution", runtime)
    first = dict(world.progress)
    for group in state.groups:
        assert steps.spill(state, group, runtime, lambda: 1_000)
    ready = dict(world.progress)
    world.progress = first  # as an old invocation saw it
    assert not steps.spill(state, state.groups[0], runtime, lambda: 0)
    world.progress = ready
    steps.check(state, runtime)
    for group in state.part_groups:
        steps.write(state, group, runtime)
        steps.write(state, group, runtime)
    steps.seal(state, runtime)
    steps.seal(state, runtime)
    assert world.pack == exported


def test_the_manifest_is_written_last() -> None:
    world = World()
    world.publishing()
    assert [name.rpartition("/")[2] for name in world.order[-2:]] == ["manifest.sig", "manifest.json"]


def test_two_executions_at_once_write_one_pack(exported: dict[str, bytes]) -> None:
    world = World()
    (runtime, one), (_, other) = spilled(world, "one"), spilled(world, "other")
    for state in (one, other):
        steps.check(state, runtime)
    for group in one.part_groups:
        steps.write(other, group, runtime)
        steps.write(one, group, runtime)
    steps.seal(one, runtime)
    steps.seal(other, runtime)
    assert world.pack == exported


def test_a_published_pack_is_not_changed() -> None:
    world = World()
    world.publishing()
    before = dict(world.files)
    assert world.publishing("another execution") is None
    assert world.files == before


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (VOTES[1:], "ada -1"),
        ([*VOTES, ("late", "1", "linus")], r"linus \+1"),
        ([(*VOTES[0][:2], "linus"), *VOTES[1:]], r"ada -1, linus \+1"),
        ([*VOTES, ("late", "1", "eve")], "does not have: eve"),
    ],
)
def test_votes_that_differ_from_the_certificate_publish_nothing(
    stored: list[tuple[str, str, str]], problem: str
) -> None:
    world = World(stored=stored, final=final_of(VOTES))
    with pytest.raises(OtherVotes, match=problem):
        world.publishing()
    assert world.pack == {}


def test_a_lost_work_file_is_noticed() -> None:
    world = World()
    runtime, state = spilled(world)
    lost = sorted(name for name in world.files if "/part-" in name)[0]
    del world.files[lost]
    for group in state.part_groups:
        steps.write(state, group, runtime)
    with pytest.raises(OtherVotes, match="do not match the certificate"):
        steps.seal(state, runtime)
    del world.files[sorted(name for name in world.files if "/facts/" in name)[0]]
    with pytest.raises(OtherVotes, match="only 3 parts"):
        steps.seal(state, runtime)
    assert "manifest.json" not in world.pack


def test_a_partly_read_bucket_is_noticed() -> None:
    world = World()
    state = steps.plan("finale", "execution", world.runtime())
    with pytest.raises(OtherVotes, match="bucket 0 was not read to its end"):
        steps.check(state, world.runtime())


def test_a_vote_that_was_read_twice_is_noticed() -> None:
    world = World()
    runtime, state = spilled(world)
    twice = sorted(name for name in world.files if "/part-0000/" in name)[0]
    world.files[twice + "-again"] = world.files[twice]
    with pytest.raises(OtherVotes, match="read twice in part 0"):
        steps.write(state, [0], runtime)


def test_a_file_with_other_bytes_is_never_overwritten() -> None:
    world = World()
    world.files["packs/finale/verify_pack.py"] = b"another release's"
    with pytest.raises(OtherPack, match=r"verify_pack.py holds other bytes.*delete the files below"):
        world.publishing()
    assert world.files["packs/finale/verify_pack.py"] == b"another release's"
    assert "manifest.json" not in world.pack


def test_a_poll_without_a_certificate_has_no_pack() -> None:
    world = World()
    world.final = None
    with pytest.raises(NoFinal, match="'finale' has no final result yet"):
        world.publishing()


def test_no_step_returns_a_voter_or_a_choice() -> None:
    world = World()
    state = world.step({"step": "plan", "poll_id": "finale", "execution": "e"})
    assert set(state) == {"poll_id", "work", "published", "groups", "part_groups"}
    assert not any("voter-" in name or "4966" in name for name in world.files)


def test_throttled_reads_are_repeated_while_time_remains() -> None:
    world = World(failing=Failing(before=set(range(3, 9))))
    world.publishing()
    assert "manifest.json" in world.pack


def test_an_unknown_step_is_refused() -> None:
    world = World()
    state = world.step({"step": "plan", "poll_id": "finale", "execution": "e"})
    with pytest.raises(ValueError, match="there is no step 'print'"):
        world.step({"step": "print", "state": state})
