"""Signed requests."""

import pytest

from loadtest.signing import Signer
from votectl.errors import OperatorError


def test_a_signature_covers_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    signer = Signer()
    url = "https://api.example/prod/polls/p/votes"
    headers = signer.headers("POST", url, b'{"option": "a"}', "application/json")
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/execute-api/aws4_request" in headers["Authorization"]
    assert headers["Content-Type"] == "application/json"
    other = signer.headers("POST", url, b'{"option": "b"}', "application/json")
    assert headers["Authorization"] != other["Authorization"]


def test_without_credentials_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    with pytest.raises(OperatorError, match="no AWS credentials or no region"):
        Signer()
