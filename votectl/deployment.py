"""Finding a deployment: Terraform writes its names and addresses into one SSM parameter, which all tools read."""

import os

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from pydantic import BaseModel, ConfigDict, ValidationError

import localcloud
from localcloud.errors import LocalCloudError
from votectl.errors import OperatorError
from voting.settings import VoteDoor, VoterAuth

PROJECT = "votestream"
LOCAL = "local"


class Deployment(BaseModel):
    """The names and addresses of one environment's resources (the parameter's JSON)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: str
    region: str
    api_id: str
    api_stage: str
    api_url: str
    api_key_ids: dict[str, str]  # by client
    stream_name: str
    polls_table: str
    votes_table: str
    tallies_table: str
    vote_writer_function: str
    vote_aggregator_function: str
    vote_writer_failure_bucket: str
    vote_aggregator_failure_bucket: str
    poll_cache_seconds: int
    tally_state_machine_arn: str
    tally_schedule_group: str
    tally_schedule_role_arn: str
    vote_retention_days: int
    voter_auth: VoterAuth
    vote_door: VoteDoor
    votes_url: str
    # Of every open door except the REST API.
    votes_urls: dict[VoteDoor, str] = {}
    # The pages (`web`).
    pages_url: str | None = None
    pages_bucket: str | None = None
    # Results packs (`results_pack`).
    pack_key_arn: str | None = None
    pack_signing_key_arn: str | None = None
    pack_bucket: str | None = None  # the tally publishes packs here
    # The key that signs voters' codes (`voter_auth` with the mode `codes`), and the issuer that codes name.
    code_signing_key_arn: str | None = None
    code_issuer: str | None = None
    # The function that counts each voter once while a poll is open (`unique_count`).
    unique_count_function_arn: str | None = None
    unique_count_schedule_group: str | None = None
    unique_count_schedule_role_arn: str | None = None

    @property
    def doors(self) -> tuple[VoteDoor, ...]:
        """The doors that take votes: the REST API, which is always open, and others."""
        return (VoteDoor.REST, *sorted({*self.votes_urls, self.vote_door} - {VoteDoor.REST}))

    @property
    def votes_door(self) -> str:
        """The base URL for votes; everything else is at ``front_door``."""
        return self.door_url(self.vote_door)

    def door_url(self, door: VoteDoor) -> str:
        """Return the base URL for votes through one of the open doors.

        The local cloud serves each door below its one endpoint, under the id that its own address starts with.
        """
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        if door is VoteDoor.REST:
            return self.front_door
        address = self.votes_url if door is self.vote_door else self.votes_urls[door]
        if not endpoint:
            return address
        door_id = address.partition("://")[2].partition(".")[0]
        return f"{endpoint.rstrip('/')}/_votestream/{door}/{door_id}"

    @property
    def pages(self) -> str | None:
        """The base URL of the pages; None if nothing serves them.

        The local cloud serves them itself. Another emulator does not.
        """
        if not os.environ.get("AWS_ENDPOINT_URL"):
            return self.pages_url
        if self.pages_bucket is None or not localcloud.serves_pages():
            return None
        return f"{os.environ['AWS_ENDPOINT_URL'].rstrip('/')}/_votestream/pages/{self.environment}"

    @property
    def signed_service(self) -> str:
        """The service in a vote's signature."""
        return "lambda" if self.vote_door is VoteDoor.URL else "execute-api"

    @property
    def front_door(self) -> str:
        """The API's base URL. Emulators serve every API below their one endpoint, in LocalStack's form."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            return f"{endpoint.rstrip('/')}/_aws/execute-api/{self.api_id}/{self.api_stage}"
        return self.api_url


def aim(environment: str) -> None:
    """Point boto3 to the local cloud if the environment is ``local``, or complete another endpoint's variables.

    Raises:
        OperatorError: a variable of the local cloud or of the endpoint is invalid.
    """
    if environment == LOCAL:
        try:
            localcloud.aim()
        except LocalCloudError as error:
            raise OperatorError(str(error)) from None


def find(environment: str) -> Deployment:
    """Return the deployment of an environment.

    Raises:
        OperatorError: the deployment does not exist, or can't be read.
    """
    name = f"/{PROJECT}/{environment}/deployment"
    try:
        parameter = boto3.client("ssm").get_parameter(Name=name)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ParameterNotFound":
            raise OperatorError(
                f"environment {environment!r} is not deployed here (no SSM parameter {name}): "
                f"run `make apply ENV={environment}`, or name another one with --environment"
            ) from None
        raise OperatorError(f"SSM parameter {name} can't be read: {error}") from None
    except NoRegionError:
        raise OperatorError("no AWS region is set: set AWS_REGION, or run `aws configure`") from None
    except BotoCoreError as error:
        if endpoint := localcloud.external_endpoint():
            hint = f"check that {endpoint} answers"
        elif environment == LOCAL:
            hint = "run `make local-up`"
        else:
            hint = "check AWS credentials, region and network"
        raise OperatorError(
            f"environment {environment!r} can't be looked up: {str(error).rstrip('.')}; {hint}"
        ) from None
    try:
        return Deployment.model_validate_json(parameter["Parameter"]["Value"])
    except ValidationError as error:
        raise OperatorError(
            f"SSM parameter {name} was written by another version of this project: "
            f"run `make apply ENV={environment}` ({error})"
        ) from None
