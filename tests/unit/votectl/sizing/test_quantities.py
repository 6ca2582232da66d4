import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from votectl.sizing.errors import InvalidInput
from votectl.sizing.quantities import amount, seconds, spoken


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("20000", 20_000), ("20k", 20_000), ("1.5M", 1.5e6), ("1B", 1e9), ("1e9", 1e9), ("1_000", 1_000)),
        *(("1,000", 1_000), ("1,500,000", 1.5e6), ("1,500.5k", 1_500_500)),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, value: float) -> None:
    assert amount(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("10m", 600), ("1h30m", 5_400), ("1.5h", 5_400), ("2d", 172_800), ("0s", 0)],
)
def test_durations_are_read_as_people_write_them(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "many", "20kk", "1 000 000", "k", "1__0", "1_", "1,00,000", "0,5x"])
def test_other_amounts_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a number"):
        amount(text)


@pytest.mark.parametrize(
    ("text", "message"), [("1,5M", "write 1.5M for a fraction, or 15M"), ("12,34", "write 12.34")]
)
def test_a_decimal_comma_is_refused_with_both_readings(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        amount(text)


@pytest.mark.parametrize("text", ["", "soon", "10x", "1m1h", "..s", "-5s", ".", "s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration"):
        seconds(text)


@pytest.mark.parametrize(("text", "suggested"), [("10", "10s"), ("90.5", "90.5s"), ("1m30", "1m30s")])
def test_a_duration_needs_a_unit(text: str, suggested: str) -> None:
    with pytest.raises(InvalidInput, match=f"no unit at its end; write for example {suggested}"):
        seconds(text)


@given(st.sampled_from([amount, seconds]), st.from_regex(r"[0-9.,_kMBdhms]{0,8}", fullmatch=True))
def test_every_example_in_an_error_is_accepted(read, text: str) -> None:  # type: ignore[no-untyped-def]
    message = ""
    try:
        assert read(text) >= 0
    except InvalidInput as error:
        message = str(error)
    for example in re.findall(r"(?<![\w.])[0-9.][0-9.,a-zA-Z]*[0-9a-zA-Z]", message.partition("; write ")[2]):
        assert read(example) >= 0
    assert not message or "write " in message


@pytest.mark.parametrize(("value", "text"), [(9.31, "9.31 s"), (600, "10 min"), (86_400, "24 h")])
def test_durations_are_shown_in_a_fitting_unit(value: float, text: str) -> None:
    assert spoken(value) == text
