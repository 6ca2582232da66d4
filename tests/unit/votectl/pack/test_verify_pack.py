import ast
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from results_pack import verify_pack
from results_pack.verify_pack import Refused, tracker_of, verify
from unit.votectl.pack.packs import (
    POLL_KEY,
    SIGNER,
    change_lines,
    content_of,
    final_of,
    make,
    opening_of,
    sign,
    sign_again,
    votes,
)
from voting.packs import salt_of

LINES = 2_500
MOST_PART_LINES = 1_000  # so that this small pack has four parts
SOURCE = Path(verify_pack.__file__)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_pack, "MOST_PART_LINES", MOST_PART_LINES)


@cache
def packed() -> dict[str, bytes]:
    """The files of a pack, made once for all tests."""
    with TemporaryDirectory() as folder:
        return content_of(make(Path(folder) / "pack", votes(LINES)))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    for name, content in packed().items():
        (folder / name).write_bytes(content)
    return folder


def sentences(pack: Path, fingerprint: str | None = None) -> list[str]:
    said: list[str] = []
    verify(pack, fingerprint, said.append)
    return said


def refusal(pack: Path, fingerprint: str | None = None) -> str:
    with pytest.raises(Refused) as refused:
        verify(pack, fingerprint, lambda _sentence: None)
    return str(refused.value)


def test_each_check_of_a_good_pack_is_a_sentence(pack: Path) -> None:
    said = sentences(pack, SIGNER.fingerprint)
    assert len(said) == 6
    assert all(sentence.endswith(".") for sentence in said)
    assert said[-1] == "The lines add up to the certificate: ada 834, grace 1,666, linus 0."


def test_without_a_fingerprint_the_reader_is_asked_to_compare_it(pack: Path) -> None:
    assert SIGNER.fingerprint in sentences(pack)[1]
    assert "Compare it" in sentences(pack)[1]


def test_a_fingerprint_may_have_colons_and_capitals(pack: Path) -> None:
    shown = ":".join(f"{byte:02X}" for byte in bytes.fromhex(SIGNER.fingerprint))
    assert sentences(pack, shown)[1] == "The key's fingerprint is the one that you gave."


def test_another_fingerprint_is_refused(pack: Path) -> None:
    assert "not the one that you gave" in refusal(pack, "0" * 64)


@pytest.mark.parametrize("number", [0, 1, 1024, 1025, 4097])
def test_any_number_of_lines_verifies(tmp_path: Path, number: int) -> None:
    pack = make(tmp_path / "pack", votes(number))
    assert f" {number:,} lines" in " ".join(sentences(pack))


@pytest.mark.slow
def test_any_flipped_bit_is_refused(pack: Path) -> None:
    chance = random.Random(18)
    files = sorted(pack.iterdir())
    for file in files * 25:
        content = bytearray(file.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        before = file.read_bytes()
        file.write_bytes(content)
        assert refusal(pack), file.name
        file.write_bytes(before)
    assert len(files) == 9
    assert sentences(pack)


@pytest.mark.parametrize("size", [-33, -1, 1, 33])
def test_any_other_length_is_refused(pack: Path, size: int) -> None:
    for file in sorted(pack.iterdir()):
        before = file.read_bytes()
        file.write_bytes(before[:size] if size < 0 else before + b"\0" * size)
        assert refusal(pack), file.name
        file.write_bytes(before)


def swap(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], *lines[2:]]


def double(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines]


def drop(lines: list[bytes]) -> list[bytes]:
    return lines[1:]


def other_option(lines: list[bytes]) -> list[bytes]:
    return [lines[0][:-1] + bytes(((lines[0][-1] + 1) % 3,)), *lines[1:]]


def no_option(lines: list[bytes]) -> list[bytes]:
    return [lines[0][:-1] + b"\x03", *lines[1:]]


def foreign(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], b"\xff" * 32 + lines[-1][-1:]]


@pytest.mark.parametrize("change", [swap, double, drop, other_option, no_option, foreign])
def test_changed_lines_are_refused(pack: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    change_lines(pack, 0, change)
    assert refusal(pack).startswith("lines-0000.bin ")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (swap, "a line twice, or its lines are not sorted"),
        (double, "a line twice, or its lines are not sorted"),
        (drop, "but the certificate says"),
        (other_option, "but the certificate says"),
        (no_option, "do not add up"),
        (foreign, "a line that belongs to another part"),
    ],
)
def test_lines_that_an_insider_changes_and_signs_are_refused(
    pack: Path, change: Callable[[list[bytes]], list[bytes]], problem: str
) -> None:
    change_lines(pack, 0, change)
    sign_again(pack)
    assert problem in refusal(pack)


def test_an_insiders_line_for_an_unknown_option_is_refused_although_the_sums_agree(pack: Path) -> None:
    change_lines(pack, 0, no_option)
    sign_again(pack)
    manifest = json.loads((pack / "manifest.json").read_bytes())
    manifest["parts"][0]["counts"][0] += 1
    counts = [sum(column) for column in zip(*(part["counts"] for part in manifest["parts"]), strict=True)]
    sign_changed_manifest(pack, parts=manifest["parts"], counts=counts)
    assert "do not give the counts" in refusal(pack)


def sign_changed_manifest(pack: Path, **changes: object) -> None:
    manifest = json.loads((pack / "manifest.json").read_bytes()) | changes
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    (pack / "manifest.json").write_bytes(text)
    (pack / "manifest.sig").write_bytes(sign(text))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": "votestream results pack 2"}, "does not say that its format"),
        ({"extra": 1}, "lacks a field"),
        ({"options": ["ada", "ada", "linus"]}, "lacks a field"),
        ({"options": ["ada", "linus", "grace"]}, "other options"),
        ({"poll_id": "another"}, "for poll"),
        ({"lines": LINES + 1}, "do not add up"),
        ({"lines": True}, "lacks a field"),
        ({"parts": []}, "parts"),
        ({"counts": [0, 0, LINES]}, "do not add up"),
    ],
)
def test_a_signed_manifest_that_contradicts_itself_is_refused(
    pack: Path, changes: dict[str, object], problem: str
) -> None:
    sign_changed_manifest(pack, **changes)
    assert problem in refusal(pack)


def test_a_manifest_that_is_not_canonical_is_refused(pack: Path) -> None:
    text = json.dumps(json.loads((pack / "manifest.json").read_bytes())).encode()
    (pack / "manifest.json").write_bytes(text)
    (pack / "manifest.sig").write_bytes(sign(text))
    assert refusal(pack) == "manifest.json is not in the canonical form"


def test_a_line_that_moves_to_another_part_is_refused(pack: Path) -> None:
    first, second = pack / "lines-0000.bin", pack / "lines-0001.bin"
    second.write_bytes(first.read_bytes()[-33:] + second.read_bytes())
    first.write_bytes(first.read_bytes()[:-33])
    assert refusal(pack)
    sign_again(pack)
    assert refusal(pack) == "lines-0001.bin has a line that belongs to another part"


def test_swapped_parts_are_refused(pack: Path) -> None:
    first, second = pack / "lines-0000.bin", pack / "lines-0001.bin"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    assert refusal(pack)
    sign_again(pack)
    assert refusal(pack) == "lines-0000.bin has a line that belongs to another part"


def test_another_polls_certificate_is_refused(pack: Path) -> None:
    (pack / "certificate.json").write_text(final_of(votes(LINES), "encore").certificate)
    assert refusal(pack) == "certificate.json is not the file that was signed"
    sign_again(pack)
    assert refusal(pack) == "the certificate is for poll encore, the manifest for finale"


@pytest.mark.parametrize("name", ["manifest.json", "key.der", "verify_pack.py", "lines-0002.bin"])
def test_a_missing_file_is_named(pack: Path, name: str) -> None:
    (pack / name).unlink()
    assert refusal(pack) == f"{name} is missing"


def test_an_extra_file_is_named(pack: Path) -> None:
    shutil.copy(pack / "lines-0000.bin", pack / "lines-0004.bin")
    assert refusal(pack) == "lines-0004.bin does not belong to the pack"


def test_another_signing_key_changes_the_fingerprint(pack: Path) -> None:
    """Anyone can sign with a key of their own: only the published fingerprint tells."""
    changed = bytearray(SIGNER.public_key)
    changed[100] ^= 1
    (pack / "key.der").write_bytes(changed)
    assert "another key" in refusal(pack)


def test_an_opening_finds_its_voters_line(pack: Path) -> None:
    lines = b"".join(file.read_bytes() for file in sorted(pack.glob("lines-*.bin")))
    for vote in votes(LINES)[::97]:
        said: list[str] = []
        verify(pack, None, said.append, opening_of(vote))
        assert said[-1].endswith(f"It is a vote for {vote[2]}.")
        found = re.search(r"line is line (\d+) of (lines-\d{4}\.bin)", said[-1])
        assert found
        content = (pack / found[2]).read_bytes()
        line = content[33 * (int(found[1]) - 1) :][:33]
        assert line in lines
        assert line[:32] == tracker_of("finale", vote[0], vote[1], salt_of(POLL_KEY, vote[0], vote[1]))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"poll_id": "encore"}, "the opening is for poll encore, the pack for finale"),
        ({"voter": "voter-4"}, "no line of this pack belongs to the opening"),
        ({"version": f"{4967:056}"}, "no line of this pack belongs to the opening"),
        ({"salt": "00" * 32}, "no line of this pack belongs to the opening"),
        ({"salt": "salt"}, "the opening's salt is not hexadecimal"),
        ({"salt": None}, "the opening lacks one of the texts poll_id, voter, version, salt"),
    ],
)
def test_an_opening_of_another_pack_is_refused(pack: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(Refused, match=re.escape(problem)):
        verify(pack, None, lambda _sentence: None, opening_of(votes(1)[0], **changes))


def test_an_opening_can_be_given_as_a_file(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = pack.parent / "opening.json"
    file.write_bytes(opening_of(votes(2)[1]))
    assert verify_pack.main([str(pack), "--opening", str(file)]) == 0
    assert "It is a vote for grace." in capsys.readouterr().out
    file.write_text("[]")
    assert verify_pack.main([str(pack), "--opening", str(file)]) == 1
    assert "FAILED  the opening is not a JSON object." in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        verify_pack.main([str(pack), "--opening", str(file.with_name("none"))])
    assert stopped.value.code == 2


def test_the_verifier_is_one_file_for_python_3_8() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    assert imported <= sys.stdlib_module_names


def test_the_verifier_in_a_pack_runs_by_itself(tmp_path: Path) -> None:
    pack = make(tmp_path / "pack", votes(100))
    command = [sys.executable, "-I", str(pack / "verify_pack.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("ok      ") == 6
    change_lines(pack, 0, drop)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "FAILED  lines-0000.bin" in done.stdout
    assert (
        subprocess.run([*command, str(tmp_path / "nowhere")], capture_output=True, check=False).returncode
        == 2
    )
