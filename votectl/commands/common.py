"""Shared by commands: options, error reports, and confirmations before irreversible actions."""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from votectl.cli import ENVIRONMENT_VARIABLE
from votectl.errors import OperatorError
from votectl.terminal import Output, console
from voting.errors import VotestreamError

if TYPE_CHECKING:
    from votectl.deployment import Deployment

Environment = Annotated[
    str,
    typer.Option("--environment", "-e", envvar=ENVIRONMENT_VARIABLE, help="Which deployment to work on."),
]
Client = Annotated[
    str | None,
    typer.Option(
        help="The client whose key votes carry, if api.clients has any; the first by name if left out."
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Format of the output.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as --output json.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


def app(help_text: str | None = None) -> typer.Typer:
    """Return an application for the commands of a module."""
    return typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        help=help_text,
    )


def chosen(output: Output, as_json: bool) -> Output:
    """Return the output that ``--output`` and ``--json`` ask for together."""
    return Output.JSON if as_json else output


def problem_of(error: Exception) -> str | None:
    """Return the problem and what to do; None for an error that the operator can't act on."""
    if isinstance(error, OperatorError | VotestreamError):
        return str(error)
    from botocore.exceptions import (  # slow to load, and needed after a failure only
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        NoRegionError,
    )

    match error:
        case NoRegionError():
            return "no AWS region is set: set AWS_REGION, or run `aws configure`"
        case NoCredentialsError():
            return "no AWS credentials are found: set AWS_PROFILE, or run `aws configure`"
        case EndpointConnectionError():
            return f"{str(error).rstrip('.')}: check the network, or run `make local-up` for the local cloud"
        case ClientError():
            return f"the cloud refused: {error}"
        case BotoCoreError():
            return f"AWS refuses the call: {str(error).rstrip('.')}"
    return None


def reported[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Show errors that an operator can act on as one line, and exit with 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
        complain(problem)
        raise typer.Exit(1)

    return run


def refuse(*contradictions: tuple[object, str]) -> None:
    """Refuse the first contradiction of options that is true. Raises OperatorError: its message."""
    for contradiction, message in contradictions:
        if contradiction:
            raise OperatorError(message)


def complain(problem: str) -> None:
    """Print an error as one line."""
    from rich.text import Text

    console(stderr=True).print(Text("error: ", style="red"), problem, sep="", soft_wrap=True)


def find(environment: str) -> "Deployment":
    """Return the deployment that a command works on."""
    from votectl import deployment  # loads boto3

    deployment.aim(environment)
    return deployment.find(environment)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before an irreversible action.

    Raises:
        OperatorError: there is no terminal to ask in, and ``--yes`` is missing.
        typer.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError("this can't be taken back and there is no terminal to ask in: add --yes to do it")
    typer.confirm(question, abort=True)
