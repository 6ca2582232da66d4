"""API Gateway's documented handling of request headers: Content-Encoding, and their names in a template.

API Gateway decodes gzip and deflate before it looks for the API. It answers 415 to another coding, and to a body that
is not in the coding it claims ("Call an API method with a compressed payload", API Gateway Developer Guide).
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import gzip
import io
import json
import zlib
from collections.abc import Callable
from typing import Any

from airspeed import operators
from localemu.aws.handlers.codec import ContentDecoder
from werkzeug.datastructures import Headers

from localcloud.emulator.payload import PREFIX

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


def decode(decoder: Any, chain: Any, context: Any, response: Any) -> None:
    """Decode a request's body, or refuse it with 415.

    LocalEmu decodes gzip while a handler reads the body, so a body that is not gzip ends in status 500.
    """
    del response
    if context.request.path.startswith(f"{PREFIX}/"):
        return  # HTTP APIs and function URLs decode nothing
    service = context.service and context.service.service_name
    coding = (context.request.content_encoding or "identity").strip().lower()
    if service in decoder.SKIP_GZIP_SERVICES or coding == "identity":
        return
    try:
        body = DECODERS[coding](context.request.get_data(cache=False))
    except (KeyError, OSError, EOFError, zlib.error):
        chain.respond(
            415, json.dumps({"message": "Unsupported Media Type"}), {"Content-Type": "application/json"}
        )
        return
    context.request.stream = io.BytesIO(body)
    context.request.headers["Content-Encoding"] = "identity"
    context.request.headers["Content-Length"] = str(len(body))


def install() -> None:
    """Replace LocalEmu's decoder, and let a template list the names of headers.

    `$input.params().get('header')` is a Java map on AWS. LocalEmu hands templates an object without `keySet()`.
    """
    ContentDecoder.__call__ = decode
    vars(operators)["__additional_methods__"][Headers] = {"keySet": lambda headers: list(headers.keys())}
