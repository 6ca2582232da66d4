import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from votectl.settings import tfvars

Typed = Callable[..., tuple[int, str]]

CITY = ["--name", "city", "--votes", "200k", "--peak", "500", "--shape", "spike"]


def test_a_plan_is_shown_as_tables(votectl: Typed) -> None:
    code, output = votectl(["plan", *CITY])
    assert code == 0
    for title in ("vote writer", "settings", "what to expect", "doors", "cost"):
        assert title in output


def test_a_plan_is_json_for_programs(votectl: Typed) -> None:
    code, output = votectl(["plan", *CITY, "--json"])
    found = json.loads(output)
    assert code == 0
    assert found["deployment"]["stream"]["shard_count"] == 1
    assert found["expected"]["votes"] == {"value": pytest.approx(200_000), "unit": "votes"}
    assert sum(item["usd"] for item in found["cost"]) == pytest.approx(found["expected"]["cost"]["value"])


def test_an_unknown_name_is_answered_with_the_known_ones(votectl: Typed) -> None:
    code, output = votectl(["plan", *CITY, "--explain", "--only", "shards"])
    assert code == 1
    assert "stream: shard_count" in output


@pytest.mark.slow
def test_settings_are_written_for_terraform(votectl: Typed, tmp_path: Path) -> None:
    path = tmp_path / "city.auto.tfvars"
    code, _ = votectl(["plan", *CITY, "--out", str(path), "--brief"])
    assert code == 0
    assert tfvars.read(path).stream.shard_count == 1
    assert f"#   votectl plan {' '.join(CITY)} --out" in path.read_text()


@pytest.mark.slow
def test_a_kept_environments_shards_are_where_resizing_begins(votectl: Typed, tmp_path: Path) -> None:
    kept = tmp_path / "prod.tfvars"
    kept.write_text("stream = { shard_count = 2 }\n")
    arguments = [
        "plan",
        "--peak",
        "20k",
        "--duration",
        "1m",
        "--keep",
        str(kept),
        "--out",
        str(tmp_path / "x"),
    ]
    code, output = votectl([*arguments, "--brief"])
    assert code == 0
    assert "resize the stream from 2 to 29 shards: 4 step(s)" in " ".join(output.split())
    code, output = votectl([*arguments, "--explain", "--only", "step: resizings"])
    assert "current_shards = 2" in output
    code, output = votectl([*arguments, "--current-shards", "29", "--brief"])
    assert "resize the stream" not in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "viewers", "paid"),
    [
        pytest.param("web = {}\nresults_api = { cdn_enabled = true }\n", [], True, id="as-it-is"),
        pytest.param("web = {}\n", [], False, id="pages-elsewhere"),
        pytest.param("web = {}\n", ["--viewers", "1k"], True, id="planned-for-viewers"),
        pytest.param("web = {}\n", ["--viewers", "1k", "--no-cdn"], False, id="viewers-without"),
        pytest.param("results_api = { cdn_enabled = true }\n", [], False, id="no-pages"),
    ],
)
def test_votes_of_a_kept_environments_pages_are_paid_where_they_come_through_cloudfront(
    environment: str, viewers: list[str], paid: bool, votectl: Typed, tmp_path: Path
) -> None:
    kept = tmp_path / "dev.tfvars"
    kept.write_text(f'stream = {{ shard_count = 2 }}\nvoter_auth = {{ mode = "cognito" }}\n{environment}')
    code, output = votectl(
        ["plan", *CITY, *viewers, "--keep", str(kept), "--out", str(tmp_path / "x"), "--json"]
    )
    assert code == 0
    told = json.loads(output)
    assert (("CloudFront", "votes") in {(item["service"], item["item"]) for item in told["cost"]}) == paid


def test_an_event_may_come_from_a_file_and_options_win(votectl: Typed, tmp_path: Path) -> None:
    path = tmp_path / "event.toml"
    path.write_text('name = "fair"\nvotes = "10k"\npeak = 100\nshape = [[0, 0.5], [1, 1]]\npolls = 3\n')
    code, output = votectl(["plan", "--event", str(path), "--polls", "2", "--json"])
    told = json.loads(output)["event"]
    assert code == 0
    assert (told["name"], told["polls"], told["shape"]) == ("fair", 2, [[0, 0.5], [1, 1]])


@pytest.mark.slow
def test_a_simulation_is_shown_beside_its_prediction(votectl: Typed, tmp_path: Path) -> None:
    plot = tmp_path / "fair.png"
    arguments = ["simulate", "--peak", "200", "--duration", "60s", "--step", "0.5"]
    code, output = votectl([*arguments, "--plot", str(plot)])
    assert code == 0
    assert "predicted" in output
    assert plot.exists()
    code, output = votectl([*arguments, "--json", "--seed", "7"])
    assert json.loads(output)["seed"] == 7
    code, output = votectl([*arguments, "--explain", "--only", "vote_units"])
    assert "simulated step by step, seed 1" in output


def test_an_environment_can_be_simulated(votectl: Typed) -> None:
    prod = Path(__file__).parents[4] / "infra" / "environments" / "prod.tfvars"
    arguments = ["--peak", "500", "--duration", "30s", "--step", "1", "--json"]
    code, output = votectl(["simulate", "--tfvars", str(prod), *arguments])
    assert code == 0, output
    assert json.loads(output)["deployment"]["stream"]["shard_count"] == tfvars.read(prod).stream.shard_count


@pytest.mark.slow
def test_the_published_runs_are_shown_with_either_writes(votectl: Typed, tmp_path: Path) -> None:
    code, output = votectl(
        ["simulate", "--published", "--doubled-writes", "--step", "1", "--plot", str(tmp_path)]
    )
    assert code == 0
    assert "with the sample's writes" in output
    assert {path.name for path in tmp_path.iterdir()} == {"batch-sizes-sample.png", "windows-sample.png"}
    code, output = votectl(["simulate", "--published", "--step", "1", "--json"])
    assert json.loads(output)["doubled_writes"] is False
    code, output = votectl(
        ["simulate", "--published", "--step", "1", "--explain", "--only", "batch 10, 5 s: vote_units_peak"]
    )
    assert "= invocation of 25 - its batch * slope" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["plan", "--votes", "-5", "--peak", "3"], "is not positive", id="negative"),
        pytest.param(["plan", "--votes", "many", "--peak", "3"], "'many' is not a number", id="no-number"),
        pytest.param(["plan", "--peak", "3", "--duration", "soon"], "is not a duration", id="no-duration"),
        pytest.param(["plan", "--peak", "3"], "two of votes, peak", id="too-little"),
        pytest.param(
            ["plan", *CITY, "--deadline", "0s"], "deadline: must be greater than 0, not 0", id="no-deadline"
        ),
        pytest.param(
            ["plan", *CITY, "--deadline", "60d"],
            "deadline: must be less than or equal to 604800, not 5.184e+06",
            id="absurd-deadline",
        ),
        pytest.param(["plan", *CITY, "--live-lag", "1s"], "Binding limit", id="impossible"),
        pytest.param(["plan", *CITY, "--prices", "none.json"], "prices: none.json", id="no-prices"),
        pytest.param(["plan", *CITY, "--calibration", "none.json"], "calibration", id="no-calibration"),
        pytest.param(["plan", "--event", "none.toml"], "event: none.toml can't be read", id="no-event"),
        pytest.param(["simulate", *CITY, "--plot", "x.jpg"], "must end in .png or .svg", id="plot-ending"),
        pytest.param(["simulate", "--compare", "none.json"], "run: none.json can't be read", id="no-run"),
        pytest.param(["simulate", "--compare", "x", "--plot", "x.png"], "leave one", id="plot-of-several"),
        pytest.param(
            ["simulate", "--published", "--compare", "x"], "give one of --published and", id="two-sources"
        ),
        pytest.param(
            ["simulate", *CITY, "--compare", "x"], "--compare plays known runs; leave out", id="event-compare"
        ),
        pytest.param(["simulate", "--published", "--plot", __file__], "needs a directory", id="plot-file"),
        pytest.param(
            ["calibrate", "--poll", "p", "--option", "o", "--out", "none/x.json"],
            "can't be written",
            id="nowhere-for-times",
        ),
        pytest.param(
            ["simulate", *CITY, "--step", "0.3"], "a second must be a whole number of steps", id="odd-step"
        ),
        pytest.param(["simulate", *CITY, "--doubled-writes"], "belongs to --published", id="not-published"),
        pytest.param(["simulate", *CITY, "--tfvars", "none.tfvars"], "tfvars: none.tfvars", id="no-tfvars"),
        pytest.param(["plan", "--peak", "[/red]", "--duration", "1m"], "peak: '[/red]' is not", id="markup"),
        pytest.param(["plan", *CITY, "--name", "A"], "'^[a-z0-9][a-z0-9-]{0,40}$'", id="brackets"),
        pytest.param(["plan", "--votes", "0.5", "--peak", "3"], "less than one vote", id="half-a-vote"),
        pytest.param(
            ["plan", "--peak", "1e400", "--duration", "1m"],
            "error: peak: '1e400' is too large",
            id="infinite",
        ),
        pytest.param(
            ["plan", *CITY, "--options", "1"],
            "error: options: must be greater than or equal to 2, not 1",
            id="name-as-typed",
        ),
        pytest.param(["plan", *CITY, "--viewers", "1e30"], "more than there are people", id="viewers"),
        pytest.param(["plan", *CITY, "--before", "9999d"], "before: 2.4e+05 h is more", id="kept-for-ever"),
        pytest.param(
            ["plan", *CITY, "--current-shards", "999999"], "must be from 1 to 10,000", id="absurd-shards"
        ),
        pytest.param(["plan", *CITY, "--only", "votes"], "--only belongs to --explain", id="only"),
        pytest.param(
            ["plan", *CITY, "--explain", "--json"],
            "give one of --output (or --json) and --explain",
            id="two-ways-to-show",
        ),
        pytest.param(["plan", *CITY, "--keep", "x.tfvars"], "--keep belongs to --out", id="nothing-to-keep"),
        pytest.param(["simulate", *CITY, "--step", "1e-9"], "too many", id="endless-steps"),
        pytest.param(["simulate", "--peak", "1", "--duration", "30d"], "too many", id="endless-event"),
        pytest.param(
            ["simulate", *CITY, "--published"], "leave out options of an event", id="event-published"
        ),
        pytest.param(["plan", *CITY, "--out", "none/x.tfvars"], "can't be written", id="nowhere-to-write"),
        pytest.param(
            ["calibrate", "--poll", "p", "--option", "o", "--out", "x", "--batch-size", "10"],
            "at least two different sizes",
            id="one-size",
        ),
    ],
)
def test_invalid_input_is_answered_with_one_clear_line(
    votectl: Typed, arguments: list[str], message: str
) -> None:
    code, output = votectl(arguments)
    assert code == 1
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert message in output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"[1]", "must hold names and values", id="list"),
        pytest.param(b'{"peak": true, "duration": 60}', "peak: True is not a number", id="truth"),
        pytest.param(b'{"peak": 5, "duration": [60]}', "duration: [60] is not a number", id="several"),
        pytest.param(b'{"peak": 5, "duration": 60, "pols": 2}', "pols: unknown field", id="misspelt"),
        pytest.param(b"\xb0", "is not UTF-8 text", id="binary"),
    ],
)
def test_an_invalid_event_file_is_refused(
    votectl: Typed, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)
    code, output = votectl(["plan", "--event", str(path)])
    assert code == 1
    assert output.count("\n") == 1
    assert message in output


@pytest.mark.parametrize("option", ["--prices", "--calibration"])
def test_a_binary_file_is_refused(votectl: Typed, tmp_path: Path, option: str) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(b"\xb0\x00")
    code, output = votectl(["plan", *CITY, option, str(path)])
    assert (code, output) == (1, f"error: {option[2:]}: {path} is not UTF-8 text\n")


def test_one_voter_may_send_all_votes(votectl: Typed) -> None:
    code, output = votectl(["plan", "--peak", "100", "--duration", "10m", "--hot-voter-share", "1", "--json"])
    assert code == 0
    assert json.loads(output)["deployment"]["stream"]["shard_count"] == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("event.json", "[" * 100_000, "recursion|Invalid JSON|Expecting", id="deep-json"),
        pytest.param("event.toml", "peak = " + "[" * 5_000, "recursion|Invalid|Unclosed", id="deep-toml"),
        pytest.param("event.json", "not json", "Expecting value", id="no-json"),
        pytest.param("event.json", '{"peak": 1, "peak": 2}', "sets peak more than once", id="twice"),
        pytest.param("event.json", '{"peak": ' + "9" * 5_000 + "}", "digits", id="endless"),
    ],
)
def test_an_event_file_that_cannot_be_parsed_is_refused(
    votectl: Typed, tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    code, output = votectl(["plan", "--event", str(path)])
    assert code == 1
    assert re.search(f"error: event: .*({message})", output), output
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize("name", ["event.TOML", "event.toml"])
def test_a_toml_file_may_have_a_byte_order_mark(votectl: Typed, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('\ufeffname = "fair"\nvotes = "10k"\npeak = 100\n', "utf-8")
    code, output = votectl(["plan", "--event", str(path), "--json"])
    assert code == 0, output
    assert json.loads(output)["event"]["name"] == "fair"


def test_the_command_line_is_imported_without_the_heavy_libraries() -> None:
    script = "import sys, votectl.sizing.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numpy", "matplotlib", "boto3", "botocore", "hcl2"} & set(done.stdout.split())
