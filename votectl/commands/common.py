"""What commands share: options, how errors are reported, and how they ask before something final."""

import functools
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from votectl import deployment
from votectl.cli import ENVIRONMENT_VARIABLE
from votectl.errors import OperatorError
from votectl.terminal import Output, console
from voting.errors import VotestreamError

Environment = Annotated[
    str,
    typer.Option("--environment", "-e", envvar=ENVIRONMENT_VARIABLE, help="Which deployment to work on."),
]
Client = Annotated[
    str | None,
    typer.Option(help="Whose key votes carry, where api.clients has any; the first by name if left out."),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How it is written.")]
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


def problem_of_cloud(error: Exception) -> str:
    """Return what went wrong between this machine and the cloud, and what to do."""
    match error:
        case NoRegionError():
            return "no AWS region is set: set AWS_REGION, or run `aws configure`"
        case NoCredentialsError():
            return "no AWS credentials are found: set AWS_PROFILE, or run `aws configure`"
        case EndpointConnectionError():
            return f"{str(error).rstrip('.')}: check the network, or run `make local-up` for the local cloud"
        case ClientError():
            return f"the cloud refused: {error}"
        case _:
            return f"the cloud can't be asked: {str(error).rstrip('.')}"


def reported[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Show errors that an operator can act on as one line, and exit with 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except OperatorError as error:
            problem = str(error)
        except (ClientError, BotoCoreError) as error:
            problem = problem_of_cloud(error)
        except VotestreamError as error:
            problem = str(error)
        complain(problem)
        raise typer.Exit(1)

    return run


def complain(problem: str) -> None:
    """Print an error as one line."""
    from rich.text import Text

    console(stderr=True).print(Text("error: ", style="red"), problem, sep="", soft_wrap=True)


def find(environment: str) -> deployment.Deployment:
    """Return the deployment that a command works on."""
    deployment.aim(environment)
    return deployment.find(environment)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that can't be taken back.

    Raises:
        OperatorError: nobody can be asked, and ``--yes`` is missing.
        typer.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError("this can't be taken back and there is no terminal to ask in: add --yes to do it")
    typer.confirm(question, abort=True)
