"""Fixes LocalEmu's API Gateway where it accepts what AWS refuses, and the other way round."""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import datetime
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from localemu.constants import APPLICATION_JSON
from localemu.services.apigateway.next_gen.execute_api.gateway_response import (
    InvalidSignatureError,
    MissingAuthTokenError,
    RequestTooLargeError,
)
from localemu.services.apigateway.next_gen.execute_api.handlers.authorizer import AuthorizerHandler
from localemu.services.apigateway.next_gen.execute_api.handlers.method_request import MethodRequestHandler
from localemu.services.apigateway.next_gen.execute_api.handlers.parse import InvocationRequestParser
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

# The administrator's: the keys that every emulator takes.
_ROOT_KEYS = {"test": "test"}

_SIGNED_LATELY = datetime.timedelta(minutes=5)

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/([0-9]{8})/([a-z0-9-]+)/([a-z-]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)


def is_readable_and_valid(
    is_valid: Callable[..., bool], method: Any, rest_api: Any, request: Mapping[str, Any]
) -> bool:
    """Say whether a request's body matches its model.

    LocalEmu validates every body with the model for JSON. AWS looks up the request's type, letter by letter, and
    validates nothing of a type that has no model: such a request gets 415, unless a template accepts it.

    LocalEmu handles an error of the JSON parser as "does not match". Bytes that are not UTF-8, and lists nested too
    deep, raise another error: "Error in apigateway invocation: 'utf-8' codec can't decode byte 0xff", with status 500.
    So does a template for bytes whose encoding Python's parser guesses: UTF-16, or with a byte order mark.
    """
    models = method.get("requestModels") or {}
    if models and not {request["headers"].get("Content-Type", APPLICATION_JSON), "$default"} & models.keys():
        return True
    try:
        json.loads((request.get("body") or b"{}").decode("utf-8"))
        return is_valid(method, rest_api, request)
    except (ValueError, RecursionError):
        return False


def parse(parser: Any, chain: Any, context: Any, response: Any) -> None:
    """Accept a request, or refuse it as too large.

    LocalEmu refuses before it has created the parts of an answer: "'NoneType' object does not support item
    assignment", and 200 without a body.
    """
    try:
        _parse(parser, chain, context, response)
    except RequestTooLargeError:
        context.account_id = context.deployment.account_id
        context.region = context.deployment.region
        parser.parse_and_enrich(context)
        raise


_parse: Callable[..., None] = InvocationRequestParser.__call__


def authorize(handler: Any, chain: Any, context: Any, response: Any) -> None:
    """Authorize a request.

    LocalEmu checks authorizers only: a method with AWS_IAM has none, and is public. Here the request has to be signed
    with a key that this cloud has issued; the permissions of the key's owner are not checked.
    """
    if (context.resource_method or {}).get("authorizationType") == "AWS_IAM":
        check_signature(context.request, context.account_id, context.region)
    _authorize(handler, chain, context, response)


_authorize: Callable[..., None] = AuthorizerHandler.__call__


def check_signature(request: Any, account_id: str, region: str, service: str = "execute-api") -> str:
    """Verify a request's signature (AWS Signature Version 4); return the access key that made it.

    Raises:
        MissingAuthTokenError: there is no signature.
        InvalidSignatureError: it is wrong, too old, or made with an unknown key.
    """
    claimed = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if claimed is None:
        raise MissingAuthTokenError("Missing Authentication Token")
    key, _, claimed_region, claimed_service, signed, signature = claimed.groups()
    secret, timestamp = _secret_of(key, account_id), request.headers.get("X-Amz-Date", "")
    if secret is None or (claimed_region, claimed_service) != (region, service) or not _is_recent(timestamp):
        raise InvalidSignatureError("The security token included in the request is invalid.")
    headers = {name: request.headers.get(name, "") for name in signed.split(";")}
    if "x-amz-content-sha256" in headers:
        headers["x-amz-content-sha256"] = hashlib.sha256(request.get_data()).hexdigest()
    path = request.environ.get("RAW_URI") or request.full_path
    signer = SigV4Auth(Credentials(key, secret), service, region)
    aws_request = AWSRequest(request.method, f"http://{request.host}{path}", headers, request.get_data())
    aws_request.context["timestamp"] = timestamp
    text = signer.string_to_sign(aws_request, signer.canonical_request(aws_request))
    if not hmac.compare_digest(signer.signature(text, aws_request), signature):
        raise InvalidSignatureError(
            "The request signature we calculated does not match the one you provided."
        )
    return key


def _secret_of(key: str, account_id: str) -> str | None:
    """Return the secret that belongs to an access key: the root's, a user's, or a role session's."""
    users = iam_backends[account_id]["aws"].users.values()
    of_users = {known.access_key_id: known.secret_access_key for user in users for known in user.access_keys}
    roles = sts_backends[account_id]["aws"].assumed_roles
    of_roles = {role.access_key_id: role.secret_access_key for role in roles}
    return (_ROOT_KEYS | of_users | of_roles).get(key)


def _is_recent(timestamp: str) -> bool:
    try:
        signed_at = datetime.datetime.strptime(timestamp, SIGV4_TIMESTAMP).replace(tzinfo=datetime.UTC)
    except ValueError:
        return False
    return abs(datetime.datetime.now(datetime.UTC) - signed_at) < _SIGNED_LATELY


def install() -> None:
    """Replace LocalEmu's own functions by those above."""
    InvocationRequestParser.__call__ = parse
    AuthorizerHandler.__call__ = authorize
    MethodRequestHandler._is_body_valid = staticmethod(
        partial(is_readable_and_valid, MethodRequestHandler._is_body_valid)
    )
