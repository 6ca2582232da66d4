import hashlib
import hmac
import json
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from results_pack import verify_pack
from results_pack.lines import StoredVote
from results_pack.sealing import OtherVotes
from results_pack.verify_pack import tracker_of
from unit.votectl.pack.packs import (
    OPTIONS,
    POLL_KEY,
    SIGNER,
    content_of,
    final_of,
    make,
    pages_of,
    votes,
)
from votectl.errors import OperatorError
from votectl.pack.writing import write_pack
from voting.packs import salt_of
from voting.polls import bucket_of

LINES = 2_500


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_pack, "MOST_PART_LINES", 1_000)


def in_buckets(stored: Sequence[StoredVote], bucket_count: int) -> list[StoredVote]:
    return sorted(stored, key=lambda vote: (bucket_of(vote[0], bucket_count), vote[0]))


@pytest.mark.parametrize(("bucket_count", "page"), [(1, 1), (3, 999), (64, 50), (1000, 10_000)])
def test_the_bytes_do_not_depend_on_buckets_and_pages(tmp_path: Path, bucket_count: int, page: int) -> None:
    expected = content_of(make(tmp_path / "one", votes(LINES)))
    assert content_of(make(tmp_path / "two", in_buckets(votes(LINES), bucket_count), page=page)) == expected


def test_a_second_export_into_the_same_folder_writes_the_same_bytes(tmp_path: Path) -> None:
    before = content_of(make(tmp_path / "pack", votes(LINES)))
    assert content_of(make(tmp_path / "pack", votes(LINES))) == before
    assert {file.name for file in tmp_path.iterdir()} == {"pack"}


class Crash(Exception):
    pass


@pytest.mark.parametrize("after", [0, 1, 5])
def test_an_export_that_crashed_while_reading_leaves_nothing(tmp_path: Path, after: int) -> None:
    def crashing() -> Iterator[Sequence[StoredVote]]:
        for number, page in enumerate(pages_of(votes(LINES), 100)):
            if number == after:
                raise Crash
            yield page

    with pytest.raises(Crash):
        write_pack(final_of(votes(LINES)), crashing(), POLL_KEY, SIGNER, tmp_path / "pack")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_export_that_crashed_while_writing_has_no_manifest_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = content_of(make(tmp_path / "expected", votes(LINES)))
    write_bytes = Path.write_bytes
    for crash_at in range(len(expected)):
        written = 0

        def crash(path: Path, content: bytes, crash_at: int = crash_at) -> int:
            nonlocal written
            if path.parent.name == "pack":
                written += 1
                if written > crash_at:
                    raise Crash
            return write_bytes(path, content)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", crash)
            with pytest.raises(Crash):
                make(tmp_path / "pack", votes(LINES))
        assert "manifest.json" not in content_of(tmp_path / "pack")
        assert content_of(make(tmp_path / "pack", votes(LINES))) == expected


def test_lines_are_sorted_by_tracker_and_not_by_voter_or_version(tmp_path: Path) -> None:
    pack = make(tmp_path / "pack", votes(LINES))
    content = b"".join(file.read_bytes() for file in sorted(pack.iterdir()) if file.name.startswith("lines-"))
    lines = [content[at : at + 33] for at in range(0, len(content), 33)]
    assert lines == sorted(lines)
    assert set(lines) == {
        tracker_of("finale", voter, version, salt_of(POLL_KEY, voter, version))
        + bytes((OPTIONS.index(option),))
        for voter, version, option in votes(LINES)
    }


def test_salts_and_trackers_follow_the_format() -> None:
    """Computed by hand from docs/results-pack.md."""
    salt = hmac.new(POLL_KEY, b"votestream pack 1\x00ann\x00123", hashlib.sha256).digest()
    assert salt_of(POLL_KEY, "ann", "123") == salt
    tracker = hashlib.sha256(b"\x02finale\x00ann\x00123\x00" + salt).digest()
    assert tracker_of("finale", "ann", "123", salt) == tracker


def test_a_pack_names_no_voter_version_arrival_or_bucket(tmp_path: Path) -> None:
    chance = random.Random(7)
    stored = [
        (f"voter{chance.randrange(10**12):012}@example.com", f"49{chance.randrange(10**54):054}", option)
        for option in OPTIONS * 200
    ]
    pack = make(tmp_path / "pack", stored)
    files = content_of(pack)
    whole = b"\n".join(files.values())
    for voter, version, _option in stored:
        secrets = [voter.encode(), version.encode(), int(version).to_bytes(24, "big").lstrip(b"\0")]
        assert not any(secret in whole for secret in secrets)
    assert POLL_KEY not in whole
    assert b"@example.com" not in whole
    # Everything but lines and digests is public anyway: the certificate, the key, the verifier.
    manifest = json.loads(files["manifest.json"])
    assert manifest.keys() == {"counts", "files", "format", "lines", "options", "parts", "poll_id"}
    assert all(part.keys() == {"counts", "file", "lines", "root"} for part in manifest["parts"])


def test_the_order_of_lines_reveals_no_bucket(tmp_path: Path) -> None:
    """In an order by bucket, one bucket's lines would be neighbours. Here they are so only by chance."""
    key_of = {
        tracker_of("finale", voter, version, salt_of(POLL_KEY, voter, version)): bucket_of(voter, 8)
        for voter, version, _ in votes(LINES)
    }
    pack = make(tmp_path / "pack", in_buckets(votes(LINES), 8))
    content = b"".join(file.read_bytes() for file in sorted(pack.glob("lines-*.bin")))
    buckets = [key_of[content[at : at + 32]] for at in range(0, len(content), 33)]
    neighbours = sum(one == other for one, other in pairwise(buckets))
    assert 0.08 < neighbours / LINES < 0.17


def test_votes_that_differ_from_the_certificate_are_refused(tmp_path: Path) -> None:
    stored = votes(LINES)
    final = final_of(stored)
    for changed, shown in (
        (stored[1:], "ada -1"),
        ([*stored, ("late", "1", "linus")], r"linus \+1"),
        ([(*stored[0][:2], "linus"), *stored[1:]], r"ada -1, linus \+1"),
    ):
        with pytest.raises(OtherVotes, match=shown):
            write_pack(final, pages_of(changed), POLL_KEY, SIGNER, tmp_path / "pack")
    assert list(tmp_path.iterdir()) == []


def test_votes_for_an_option_that_the_certificate_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OtherVotes, match="does not have: eve"):
        write_pack(final_of([]), [[("ann", "1", "eve")]], POLL_KEY, SIGNER, tmp_path / "pack")


def test_a_folder_with_other_files_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OperatorError, match="holds other files"):
        make(tmp_path, votes(10))
    assert content_of(tmp_path) == {"notes.txt": b"mine"}


def test_the_pack_of_another_poll_is_not_changed(tmp_path: Path) -> None:
    before = content_of(make(tmp_path / "pack", votes(10), "encore"))
    with pytest.raises(OperatorError, match="another poll"):
        make(tmp_path / "pack", votes(10))
    assert content_of(tmp_path / "pack") == before


def test_a_file_with_the_folders_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pack").write_text("mine")
    with pytest.raises(OperatorError, match="is a file"):
        make(tmp_path / "pack", votes(10))
