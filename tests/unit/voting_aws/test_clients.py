from typing import Any

import botocore.loaders
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from voting_aws import clients
from voting_aws.clients import (
    dynamodb_client,
    error_code,
    is_throttling_code,
    is_transient,
    is_transient_code,
)

ENDPOINT = "http://127.0.0.1:1"


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "it quotes voter-1"},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "BatchExecuteStatement",
    )


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(client_error("ProvisionedThroughputExceededException"), id="throughput-exceeded"),
        pytest.param(client_error("ThrottlingException"), id="throttled"),
        pytest.param(client_error("RequestLimitExceeded"), id="account-limit"),
        pytest.param(client_error("InternalServerError", 500), id="internal"),
        pytest.param(client_error("SomethingNew", 503), id="any-other-server-side-error"),
        pytest.param(EndpointConnectionError(endpoint_url=ENDPOINT), id="unreachable"),
        pytest.param(ConnectTimeoutError(endpoint_url=ENDPOINT), id="connect-timeout"),
        pytest.param(ReadTimeoutError(endpoint_url=ENDPOINT), id="answer-lost"),
        pytest.param(ConnectionClosedError(endpoint_url=ENDPOINT), id="connection-closed"),
    ],
)
def test_an_error_of_a_call_is_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(client_error("ValidationException"), id="invalid-request"),
        pytest.param(client_error("AccessDeniedException"), id="no-permission"),
        pytest.param(client_error("ResourceNotFoundException"), id="no-table"),
        pytest.param(ClientError({}, "UpdateItem"), id="no-reason-given"),
        pytest.param(NoCredentialsError(), id="no-credentials"),
        pytest.param(KeyError("bug"), id="bug"),
    ],
)
def test_a_permanent_error_is_not_retried(error: Exception) -> None:
    assert not is_transient(error)


# What DynamoDB may say of a single statement, by whether the statement may succeed later.
STATEMENT_CODES = {
    "ConditionalCheckFailed": False,
    "ItemCollectionSizeLimitExceeded": False,
    "RequestLimitExceeded": True,
    "ValidationError": False,
    "ProvisionedThroughputExceeded": True,
    "TransactionConflict": True,
    "ThrottlingError": True,
    "InternalServerError": True,
    "ResourceNotFound": False,
    "AccessDenied": False,
    "DuplicateItem": False,
}


@pytest.mark.parametrize(("code", "passes"), STATEMENT_CODES.items())
def test_a_statements_error_code_is_transient_or_permanent(code: str, passes: bool) -> None:
    assert is_transient_code(code) is passes


def test_every_error_code_of_a_statement_is_classified() -> None:
    model = botocore.loaders.Loader().load_service_model("dynamodb", "service-2")
    assert set(STATEMENT_CODES) == set(model["shapes"]["BatchStatementErrorCodeEnum"]["enum"])


def test_refusals_for_capacity_are_distinguished_from_errors() -> None:
    throttling = {code for code in STATEMENT_CODES if is_throttling_code(code)}
    assert throttling == {"ProvisionedThroughputExceeded", "RequestLimitExceeded", "ThrottlingError"}


def test_only_the_code_of_an_error_is_reported() -> None:
    assert error_code(client_error("ValidationException")) == "ValidationException"
    assert error_code(ReadTimeoutError(endpoint_url=ENDPOINT)) == "ReadTimeoutError"
    assert error_code(ClientError({}, "UpdateItem")) == "no code"


@pytest.mark.usefixtures("fake_credentials")
def test_no_call_takes_longer_than_its_callers_margin() -> None:
    config: Any = dynamodb_client(max_connections=7).meta.config
    slowest = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)
    assert slowest * 1000 < clients.SLOWEST_CALL_MS
    assert config.max_pool_connections == 7
