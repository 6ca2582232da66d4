"""The headers of the load test's requests."""

import boto3

from loadtest.headers import Headers
from votectl.credentials import WithKey
from votectl.signing import Signing

URL = "https://api.example/v1/polls/p/votes"


def test_a_request_without_credentials_has_only_its_content_type() -> None:
    assert Headers(None).of("POST", URL, b"{}", "application/json") == {"Content-Type": "application/json"}


def test_a_request_carries_the_key_and_a_signature_over_its_body() -> None:
    signing = Signing(boto3.Session("AKIDEXAMPLE", "secret", region_name="eu-west-1"))
    headers = Headers(WithKey("the-key", signing))
    first = headers.of("POST", URL, b'{"option": "a"}', "application/json")
    assert first["X-Api-Key"] == "the-key"
    assert first["Content-Type"] == "application/json"
    assert first["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/execute-api/aws4_request" in first["Authorization"]
    other = headers.of("POST", URL, b'{"option": "b"}', "application/json")
    assert other["Authorization"] != first["Authorization"]
