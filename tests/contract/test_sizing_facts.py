"""The bill's numbers of our metrics, methods and rules are the real ones."""

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contract.cloudwatch import metrics_of_alarm, observed
from scripts.bootstrap.layout import HERE
from votectl.sizing.facts import packaged
from voting.metrics import REJECTED, Metric
from voting_aws.telemetry import PowertoolsTelemetry

CONSUMERS = ("vote_writer", "vote_aggregator")
SERVICES = (*CONSUMERS, "tally", "results_api", "unique_counter")


def emitted(service: str) -> set[str]:
    """The metrics that a function's code names; consumers share the core's."""
    folders = [service, "voting"] if service in CONSUMERS else [service]
    sources = [path for folder in folders for path in (HERE.root / "functions" / folder).glob("*.py")]
    names = re.findall(r"\bMetric\.([A-Z_]+)", "".join(path.read_text() for path in sources))
    reasons = REJECTED.values() if service in CONSUMERS else ()
    return {*(Metric[name] for name in names), *reasons}


def test_the_bill_has_every_metric_of_every_alarm() -> None:
    alarms = observed().alarms
    unique = {
        name: alarm
        for name, alarm in alarms.items()
        if name.startswith("unique-count") or "unique-counter" in name
    }
    always = {name: alarm for name, alarm in alarms.items() if name not in unique}
    for name, group in (("alarm_metrics", always), ("unique_count_alarm_metrics", unique)):
        fact = packaged().facts[f"votestream.{name}"]
        assert re.search(rf" {len(group)} (more )?alarms ", fact.source)
        assert fact.value == sum(len(metrics_of_alarm(alarm)) for alarm in group.values())


def test_the_bill_has_every_method_and_every_firewall_rule() -> None:
    api = HERE.root / "infra" / "modules" / "api"
    reads = re.search(r"reads = \{(.*?)^  \}", (api / "results.tf").read_text(), re.MULTILINE | re.DOTALL)
    assert reads is not None
    methods = 1 + len(re.findall(r"^    \w+ += ", reads[1], re.MULTILINE))  # the votes, and each read
    assert packaged().value("votestream.api_methods") == methods
    firewall = (HERE.root / "infra" / "modules" / "firewall" / "main.tf").read_text()
    assert packaged().value("votestream.firewall_rules") == len(
        re.findall(r"^  rule \{", firewall, re.MULTILINE)
    )


def test_the_bill_has_every_metric_of_every_function() -> None:
    found = {service: emitted(service) for service in SERVICES}
    assert set().union(*found.values()) == {*Metric, *REJECTED.values()}
    unique = found.pop("unique_counter")
    assert packaged().value("votestream.unique_counter_metrics") == len(unique)
    assert packaged().value("votestream.function_metrics") == sum(map(len, found.values()))


@pytest.mark.parametrize("service", [*CONSUMERS, "results_api"])
def test_the_bill_has_the_real_length_of_a_metrics_line(
    service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Each request for results is counted by one metric; a failed batch has a line of its own.
    together = (
        {Metric.REQUESTS_ANSWERED}
        if service == "results_api"
        else emitted(service) - {Metric.RECORDS_REPORTED_FAILED}
    )
    settings = cast(Any, SimpleNamespace(log_level="INFO", environment="prod"))
    PowertoolsTelemetry(service, settings).count(dict.fromkeys(sorted(together), 500))
    line = capsys.readouterr().out
    assert len(line) == pytest.approx(packaged().value(f"votestream.{service}_metrics_bytes"), rel=0.02)
