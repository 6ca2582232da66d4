"""Signatures that AWS would accept, and when no signature can be given."""

import boto3
import httpx
import pytest

from votectl.errors import OperatorError
from votectl.signing import Signing


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session("AKIDEXAMPLE", "secret", "token", region_name="eu-west-1")


def signed(session: boto3.Session, **given: object) -> httpx.Request:
    request = httpx.Request("POST", "https://api.example.org/v1/polls/lunch/votes", **given)  # type: ignore[arg-type]
    return next(Signing(session).auth_flow(request))


def test_a_request_is_signed_for_the_api_in_its_region(session: boto3.Session) -> None:
    headers = signed(session, json={"option": "a"}).headers
    date = headers["X-Amz-Date"][:8]
    assert headers["Authorization"].startswith(
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{date}/eu-west-1/execute-api/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
    )
    assert headers["X-Amz-Security-Token"] == "token"


def test_a_signature_is_for_one_body(session: boto3.Session) -> None:
    signatures = {
        signed(session, json={"option": option}).headers["Authorization"].rpartition("=")[2]
        for option in "ab"
    }
    assert len(signatures) == 2


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session(region_name="eu-west-1")
    monkeypatch.setattr(session, "get_credentials", lambda: None)
    with pytest.raises(OperatorError, match="credentials"):
        Signing(session)
