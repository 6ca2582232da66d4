import pytest

from votectl.sizing.errors import Nonsense
from votectl.sizing.quantities import amount, seconds, spoken


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20000", 20_000),
        ("20k", 20_000),
        ("1.5M", 1.5e6),
        ("1B", 1e9),
        ("1e9", 1e9),
        ("1_000", 1_000),
        ("1,000", 1_000),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, value: float) -> None:
    assert amount(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5_400), ("1.5h", 5_400), ("2d", 172_800)],
)
def test_durations_are_read_as_people_write_them(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "many", "20kk", "1 000 000", "k"])
def test_no_number_is_refused(text: str) -> None:
    with pytest.raises(Nonsense, match="is no number"):
        amount(text)


@pytest.mark.parametrize("text", ["", "soon", "10x", "1m1h", "..s", "-5s"])
def test_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Nonsense, match="is no duration"):
        seconds(text)


@pytest.mark.parametrize(("value", "text"), [(9.31, "9.31 s"), (600, "10 min"), (86_400, "24 h")])
def test_durations_are_spoken(value: float, text: str) -> None:
    assert spoken(value) == text
