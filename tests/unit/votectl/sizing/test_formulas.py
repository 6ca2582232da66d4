import pytest

from votectl.sizing.formulas import evaluate


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        pytest.param("ceil(peak / (per_shard * 0.7))", 3, id="functions"),
        pytest.param("peak if peak > per_shard else per_shard", 2_000, id="conditions"),
        pytest.param("-peak + 2 ** 3 // 3 % 2", -2_000, id="operators"),
    ],
)
def test_a_formula_is_arithmetic_over_names(formula: str, expected: float) -> None:
    assert evaluate(formula, {"peak": 2_000, "per_shard": 1_000}) == expected


@pytest.mark.parametrize(
    "formula",
    [
        pytest.param("__import__('os')", id="import"),
        pytest.param("peak.real", id="attribute"),
        pytest.param("open(peak)", id="unknown-function"),
        pytest.param("'text'", id="text"),
        pytest.param("min(peak, key=peak)", id="keyword"),
    ],
)
def test_nothing_but_arithmetic_is_understood(formula: str) -> None:
    with pytest.raises(ValueError, match="no arithmetic"):
        evaluate(formula, {"peak": 1})
