import pytest

from voting.invocation import all_done, retry_all, retry_from
from voting.metrics import Metric
from voting.records import Record, version_of
from world.containers import RecordingTelemetry


@pytest.fixture
def telemetry() -> RecordingTelemetry:
    return RecordingTelemetry()


RECORDS = [Record(sequence, "voter-1", "", 0) for sequence in ("8", "9", "10", "11")]


def test_a_finished_batch_reports_no_failure() -> None:
    assert all_done() == {"batchItemFailures": []}


def test_one_entry_names_the_record_to_retry_from(telemetry: RecordingTelemetry) -> None:
    answer = retry_from(telemetry, RECORDS, version_of("9"), "because")
    assert answer == {"batchItemFailures": [{"itemIdentifier": "9"}]}


def test_the_warning_has_the_reason_and_the_number_of_records_to_retry(telemetry: RecordingTelemetry) -> None:
    retry_from(telemetry, RECORDS, version_of("9"), "because")
    assert telemetry.counts == [{Metric.RECORDS_REPORTED_FAILED: 3}]
    (warning,) = telemetry.warnings
    assert '"cause": "because", "from_sequence": "9", "records": 3' in warning


def test_a_whole_batch_is_retried_from_its_lowest_sequence_number(telemetry: RecordingTelemetry) -> None:
    answer = retry_all(telemetry, RECORDS[::-1], "because")
    assert answer == {"batchItemFailures": [{"itemIdentifier": "8"}]}
    assert telemetry.total(Metric.RECORDS_REPORTED_FAILED) == 4
