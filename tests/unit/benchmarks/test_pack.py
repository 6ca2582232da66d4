import json

import pytest

from benchmarks import pack


def test_it_measures_an_export_and_a_verification(capsys: pytest.CaptureFixture[str]) -> None:
    pack._export(1_000)
    measured = json.loads(capsys.readouterr().out)
    assert measured.keys() == {"export_us", "memory_mb", "verify_seconds"}
    assert all(figure > 0 for figure in measured.values())
