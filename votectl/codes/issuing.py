"""Ordering a batch: register it, sign its codes, and write its files, all of them or none."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from votectl.codes.files import Card, NewFiles, Render, link_of
from votectl.codes.minting import WORKERS, BatchTerms, Sign, signed_codes, unsigned_codes
from votectl.codes.register import CodeBatch, CodeRegister
from votectl.deployment import Deployment
from votectl.errors import OperatorError, command, problem_of
from votectl.times import show_moment
from voting.polls import MS_PER_DAY, Poll
from voting_aws.pack_keys import SigningKey

# With boto3's backoff, up to about a minute for a signature that KMS throttles.
SIGN_ATTEMPTS = 8

# KMS signs 500 codes a second at most: about three minutes and a half.
MOST_CODES = 100_000


class CodeIssuer(NamedTuple):
    """A deployment that issues codes: its name in codes, and the key that signs them."""

    name: str
    key_id: str
    sign: Sign

    def terms(self, poll_id: str, batch_id: str, batch: CodeBatch) -> BatchTerms:
        """Return the common content of a batch's codes."""
        return BatchTerms(self.name, self.key_id, poll_id, batch_id, batch.created_at, batch.expires_at)


# Any: the stubs for KMS are not installed; it is one call.
def issuer_of(deployment: Deployment, kms: Any = None) -> CodeIssuer:
    """Return the issuer of a deployment's codes.

    Raises:
        OperatorError: the deployment has no codes.
    """
    if deployment.code_signing_key_arn is None or deployment.code_issuer is None:
        raise OperatorError(
            f"environment {deployment.environment!r} has no key for codes (its voter_auth is "
            f'{deployment.voter_auth.value}): set voter_auth = {{ mode = "codes" }} in its tfvars and run '
            f"`make apply ENV={deployment.environment}`"
        )
    retries = Config(
        max_pool_connections=WORKERS, retries={"mode": "standard", "total_max_attempts": SIGN_ATTEMPTS}
    )
    key = SigningKey(kms or boto3.client("kms", config=retries), deployment.code_signing_key_arn)
    return CodeIssuer(deployment.code_issuer, deployment.code_signing_key_arn.rpartition("/")[2], key.sign)


def page_of(deployment: Deployment, given: str | None = None) -> str:
    """Return the address of the page to vote on.

    Raises:
        OperatorError: no address is known, or the given one is not a web address.
    """
    if given is not None:
        parts = urlsplit(given)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
            raise OperatorError(
                f"--page {given!r} is not the address of a page: it takes https:// or http://, a host name, and no #"
            )
        return given
    if deployment.pages is None:
        raise OperatorError(
            f"environment {deployment.environment!r} has no pages that the codes could link to: name a page of your "
            f"own with --page, or set web = {{}} in its tfvars and run `make apply ENV={deployment.environment}`"
        )
    return f"{deployment.pages}/vote"


class BatchOrder(NamedTuple):
    """An order of codes.

    Attributes:
        terms: the common content of its codes.
        batch: its entry in the register.
        page: the address of the page to vote on.
        renders: the functions that create the content of each file.
    """

    terms: BatchTerms
    batch: CodeBatch
    page: str
    renders: dict[Path, Render]


def batch_for(
    poll: Poll, now_ms: int, count: int, expires_at: int | None = None, note: str | None = None
) -> CodeBatch:
    """Return the entry of a new batch. Its codes expire a day after the poll's end if no time is given.

    Raises:
        OperatorError: the poll takes no votes any more, the codes could never vote, or the note is invalid.
    """
    if poll.cancelled_at is not None:
        raise OperatorError(f"poll {poll.poll_id!r} was cancelled: nobody can vote in it")
    if poll.closes_at <= now_ms:
        raise OperatorError(
            f"poll {poll.poll_id!r} closed at {show_moment(poll.closes_at)}: nobody can vote in it any more"
        )
    if expires_at is not None and expires_at <= max(now_ms, poll.opens_at):
        moment = "now" if poll.opens_at <= now_ms else f"the poll opens, at {show_moment(poll.opens_at)}"
        raise OperatorError(
            f"--expires: {show_moment(expires_at)} is not after {moment}, so no code could ever vote: name a later "
            "time, or leave the option out for a day after the poll's end"
        )
    try:
        return CodeBatch(
            count=count,
            created_at=now_ms,
            expires_at=poll.closes_at + MS_PER_DAY if expires_at is None else expires_at,
            note=note,
        )
    except ValidationError as error:
        raise OperatorError(problem_of(error, {"note": "--note", "count": "--count"})) from None


def issue(
    order: BatchOrder,
    register: CodeRegister,
    sign: Sign,
    progress: Callable[[Iterable[str]], Iterable[str]] = lambda codes: codes,
) -> None:
    """Register a batch, sign its codes and write its files.

    If that fails, or is interrupted, the batch is void and none of its files exists: the command can be repeated.

    Args:
        order: the order.
        register: of the deployment.
        sign: signs a digest with the deployment's key.
        progress: passes the codes on while they are signed, and shows the progress.

    Raises:
        OperatorError: a step failed.
    """
    terms = order.terms
    files = NewFiles(order.renders)
    try:
        register.add(terms.poll_id, terms.batch, order.batch)
    except BaseException:
        files.discard()
        raise
    try:
        codes = progress(signed_codes(unsigned_codes(terms, order.batch.count), sign))
        cards = [
            Card(number, link_of(order.page, terms.poll_id, code), code)
            for number, code in enumerate(codes, start=1)
        ]
        files.fill(render(cards) for render in order.renders.values())
    except BaseException as error:
        files.discard()
        outcome = _withdrawn(order, register)
        if isinstance(error, ClientError | BotoCoreError):
            raise OperatorError(
                f"the codes can't be signed: {error}; {outcome}. Signing needs kms:Sign on the deployment's key"
            ) from None
        if isinstance(error, OSError):
            raise OperatorError(f"a file can't be written: {error.strerror}; {outcome}") from None
        raise


def _withdrawn(order: BatchOrder, register: CodeRegister) -> str:
    """Void the batch of a failed order, and describe the outcome."""
    poll_id, batch_id = order.terms.poll_id, order.terms.batch
    try:
        register.void(poll_id, batch_id, order.batch.created_at)
    except (OperatorError, ClientError, BotoCoreError):
        undo = command("codes void", poll_id, batch_id)
        return f"no file was written, and batch {batch_id} is left in the register: void it with {undo}"
    return f"no file was written, and batch {batch_id} is void: run the command again"
