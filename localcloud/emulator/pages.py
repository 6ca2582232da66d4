"""CloudFront as infra/modules/cdn sets it up, on this machine: the pages, and the API below the same address.

The pages of an environment are at /_votestream/pages/<environment>/. LocalEmu's own CloudFront knows no cache policy,
no function, and no path but the default one, so Terraform makes no distribution here.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import json
import re
from typing import Any

import requests
from botocore.exceptions import ClientError
from localemu import config
from localemu.aws.connect import connect_to
from localemu.http import Response
from localemu.services.edge import ROUTER

PATH = "/_votestream/pages/<environment>/<path:path>"

_NOT_PASSED_ON = {"connection", "content-length", "host", "transfer-encoding"}
_VOTES = re.compile(r"polls/[^/]+/votes")


def answer(request: Any, environment: str, path: str) -> Any:
    """Answer like the distribution: paths below polls/ from the API, all others from the bucket."""
    try:
        value = connect_to().ssm.get_parameter(Name=f"/votestream/{environment}/deployment")
    except ClientError:
        return Response(f"environment {environment} is not deployed here", status=404)
    deployment = json.loads(value["Parameter"]["Value"])
    if path.startswith("polls/"):
        return _of_api(request, deployment, path)
    return _of_bucket(deployment, path)


def _of_bucket(deployment: dict[str, Any], path: str) -> Any:
    try:
        s3, bucket = connect_to().s3, deployment.get("pages_bucket") or "none"
        policy = s3.head_object(Bucket=bucket, Key="config.json")["Metadata"]["security-policy"]
        found = s3.get_object(Bucket=bucket, Key=path)
    except ClientError:
        return Response("this page does not exist", status=403)
    headers = {
        "Cache-Control": found.get("CacheControl", ""),
        "Content-Security-Policy": policy,
        "Content-Type": found["ContentType"],
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(found["Body"].read(), headers=headers)


def _of_api(request: Any, deployment: dict[str, Any], path: str) -> Any:
    base = f"/_aws/execute-api/{deployment['api_id']}/{deployment['api_stage']}"
    if deployment["vote_door"] != "rest" and _VOTES.fullmatch(path):
        host = deployment["votes_url"].partition("://")[2].partition(".")[0]
        base = f"/_votestream/{deployment['vote_door']}/{host}"
    passed = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
    got = requests.request(
        request.method,
        f"{config.internal_service_url()}{base}/{path}",
        params=request.query_string.decode(),
        headers=passed,
        data=request.get_data(),
        timeout=30,
    )
    headers = {name: value for name, value in got.headers.items() if name.lower() not in _NOT_PASSED_ON}
    headers.pop("Content-Encoding", None)
    return Response(got.content, status=got.status_code, headers=headers)


def install() -> None:
    """Serve them."""
    ROUTER.add(path=PATH, endpoint=answer)
