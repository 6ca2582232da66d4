"""web/site/assets/verify_pack.js implements the same format: both verifiers must judge each pack alike."""

import json
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from results_pack.verify_pack import Refused, verify
from unit.votectl.pack.packs import SIGNER, change_lines, final_of, make, opening_of, sign_again, votes

PROJECT = Path(__file__).parents[4]
MODULE = PROJECT / "web" / "site" / "assets" / "verify_pack.js"
RUNNER = Path(__file__).with_name("verify.mjs")


def judge(packs: Sequence[Path], opening: Path | None = None) -> list[dict[str, Any]]:
    """Return what the second verifier says of each pack."""
    node = shutil.which("node")
    assert node, "the second verifier needs Node.js 20 or newer on the PATH: install it, then try again"
    done = subprocess.run(
        [node, "--no-warnings", str(RUNNER), str(MODULE), str(opening or "-"), *map(str, packs)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused_here(pack: Path) -> bool:
    try:
        verify(pack, None, lambda _sentence: None)
    except Refused:
        return True
    return False


def test_both_verifiers_accept_a_good_pack_with_the_same_output(tmp_path: Path) -> None:
    pack = make(tmp_path / "pack", votes(3_000))
    said: list[str] = []
    verify(pack, None, said.append)
    (verdict,) = judge([pack])
    assert [sentence.replace(",", "") for sentence in verdict["sentences"]] == [
        sentence.replace(",", "") for sentence in said
    ]
    assert verdict["fingerprint"] == SIGNER.fingerprint
    assert {line["option"]: line["votes"] for line in verdict["result"]} == {
        count.option: count.votes for count in final_of(votes(3_000)).counts
    }


@pytest.mark.slow
def test_both_verifiers_find_the_same_line_for_an_opening(tmp_path: Path) -> None:
    pack = make(tmp_path / "pack", votes(3_000))
    opening = tmp_path / "opening.json"
    for vote in votes(3_000)[::700]:
        opening.write_bytes(opening_of(vote))
        said: list[str] = []
        verify(pack, None, said.append, opening.read_bytes())
        (verdict,) = judge([pack], opening)
        assert verdict["sentences"][-1] == said[-1]
        assert said[-1].endswith(f"It is a vote for {vote[2]}.")
    for changes in ({"voter": "mallory"}, {"poll_id": "encore"}, {"salt": "x"}, {"version": None}):
        opening.write_bytes(opening_of(votes(1)[0], **changes))
        with pytest.raises(Refused) as refused:
            verify(pack, None, lambda _sentence: None, opening.read_bytes())
        assert judge([pack], opening) == [{"refused": str(refused.value)}]


@pytest.mark.slow
def test_both_verifiers_accept_a_pack_of_several_parts_and_empty_ones(tmp_path: Path) -> None:
    packs = [make(tmp_path / str(number), votes(number)) for number in (0, 1, 1_025, 400_000)]
    assert all("sentences" in verdict for verdict in judge(packs))
    assert not any(map(refused_here, packs))


def _flip(pack: Path, chance: random.Random) -> None:
    file = chance.choice(sorted(pack.iterdir()))
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def _remove(pack: Path, chance: random.Random) -> None:
    chance.choice(sorted(pack.iterdir())).unlink()


def _add(pack: Path, _chance: random.Random) -> None:
    (pack / "more.txt").write_text("more")


def _lengthen(pack: Path, chance: random.Random) -> None:
    file = chance.choice(sorted(pack.iterdir()))
    file.write_bytes(file.read_bytes() + b"\0")


def _double_line(pack: Path, _chance: random.Random) -> None:
    change_lines(pack, 0, lambda lines: [lines[0], *lines])


def _drop_line(pack: Path, _chance: random.Random) -> None:
    change_lines(pack, 0, lambda lines: lines[1:])


def _reverse(pack: Path, _chance: random.Random) -> None:
    change_lines(pack, 0, lambda lines: lines[::-1])


def _other_certificate(pack: Path, _chance: random.Random) -> None:
    (pack / "certificate.json").write_text(final_of(votes(1_000), "encore").certificate)


OUTSIDE = (_flip, _flip, _flip, _remove, _add, _lengthen)
INSIDE = (_double_line, _drop_line, _reverse, _other_certificate)


@pytest.mark.slow
def test_both_verifiers_refuse_each_change(tmp_path: Path) -> None:
    chance = random.Random(18)
    packs: list[Path] = []
    good = make(tmp_path / "good", votes(1_000))

    def tamper(change: Callable[[Path, random.Random], None], *, signed: bool) -> None:
        pack = shutil.copytree(good, tmp_path / str(len(packs)))
        change(pack, chance)
        if signed:
            sign_again(pack)
        packs.append(pack)

    for change in OUTSIDE * 4 + INSIDE:
        tamper(change, signed=False)
    for change in INSIDE:
        tamper(change, signed=True)
    assert all(map(refused_here, packs))
    assert all(verdict.get("refused") for verdict in judge(packs))
