"""Everything that Terraform can deploy, planned without a cloud, for the rules that hold for all of it.

Each environment is planned as its tfvars say, and the largest one again with each set of optional features. Project
and environment have the longest names that are allowed. Mocked ARNs are as long as real ones, so that policies have
their real size.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from contract.planned import kept, plans_of
from contract.terraform_source import INFRA, PROJECT, parsed

ENVIRONMENTS = tuple(sorted(file.stem for file in (INFRA / "environments").glob("*.tfvars")))

# The root module allows 25 characters for both and their hyphen.
LONGEST = {"project": "votestream-abc", "environment": "production"}
# No region with a longer name is open to every account.
REGION = "ap-southeast-1"
# As long as the longest name behind an ARN: "<project>-<environment>-vote-aggregator-failures-<account>".
MOCKED_NAME = "m" * 63

LONG_MOCKS = "long-mocks"

# First runs of the folders' own tests, whose plans are used: the platform's, and that of `make bootstrap`.
COMPOSITION, PLATFORM = "composition", "each_function_gets_exactly_its_settings_and_permissions"
BOUNDARY = "roles_stay_within_the_boundary_cannot_read_votes_and_admit_one_repository"

_SCALED_TABLE = {
    "autoscaling": {"max_read_units": 1000, "max_write_units": 1000},
    "billing_mode": "PROVISIONED",
    "max_read_units": None,
    "max_write_units": None,
    "read_units": 100,
    "write_units": 100,
}

# The environment whose names, policies and numbers are the largest.
LARGEST = "prod"

# Optional features by the name of a run. Features that exclude each other are in different runs. A resource that no
# run plans fails a test, so a new feature is added here.
FEATURES: Mapping[str, Mapping[str, Any]] = {
    "as_it_is": {},
    "signed_in_voters": {
        "api": {
            "access_log_enabled": True,
            "allowed_origins": ["https://vote.example.com", "https://www.vote.example.com"],
            "client_keys_required": False,  # pages cannot keep a key
            "domain": {
                "certificate_arn": f"arn:aws:acm:{REGION}:111122223333:certificate/{'0' * 36}",
                "name": f"{'a' * 63}.votes.example.com",
                "zone_id": "Z0123456789ABCDEFGHIJ",
            },
            "clients": {
                f"client-with-the-longest-name-{number:03}": {
                    "requests_per_day": 1000000,
                    "throttling_burst_limit": 100,
                    "throttling_rate_limit": 100,
                }
                for number in range(40)
            },
        },
        "encryption": {"customer_managed_key": True},
        "firewall": {"forwarded_ip_header": "X-Forwarded-For", "requests_per_client": 100},
        "observability": {"alarms_enabled": True, "emails": ["on-call@example.com", "show@example.com"]},
        "permissions_boundary": True,
        "polls_table": _SCALED_TABLE,
        "results_api": {
            "cdn_domain": {
                "certificate_arn": f"arn:aws:acm:us-east-1:111122223333:certificate/{'0' * 36}",
                "names": [f"{'a' * 63}.vote{number:02}.example.com" for number in range(10)],
                "zone_id": "Z0123456789ABCDEFGHIJ",
            },
            "cdn_enabled": True,
            "reserved_concurrency": 10,
        },
        "results_pack": {"openings": True},
        "stream": {"encryption_enabled": True},
        "tallies_table": _SCALED_TABLE,
        "tally": {"publish_pack": {"object_lock": {"days": 30}, "public": True}},
        "vote_aggregator": {"enhanced_fan_out": True},
        "vote_writer": {"enhanced_fan_out": True},
        "voter_auth": {
            "callback_urls": [f"https://vote.example.com/{number:02}" for number in range(10)],
            "email_sender": {
                "from_address": "Votes <votes@example.com>",
                "identity_arn": f"arn:aws:ses:{REGION}:111122223333:identity/example.com",
            },
            "logout_urls": [f"https://vote.example.com/bye/{number:02}" for number in range(10)],
            "mode": "cognito",
            "token_scopes": ["votes/vote"],
        },
        "votes_table": _SCALED_TABLE,
        "web": {
            "custom_texts": {language: {"vote": "Send"} for language in ("ar", "de", "en", "es", "fr")},
            "embed_origins": [f"https://www.site-{number:02}.example.com" for number in range(10)],
            "logo_file": "../docs/images/board.png",
            "privacy_url": "https://www.example.com/privacy",
            "sign_in_origins": ["https://login.example.com"],
            "title": "t" * 60,
        },
    },
    "keys_for_clients": {
        "api": {
            "client_keys_required": True,
            "clients": {"app": {"throttling_burst_limit": 100, "throttling_rate_limit": 100}},
        },
        "web": None,
    },
    "http_door": {
        "firewall": None,
        "api": {
            "allowed_origins": ["https://vote.example.com"],
            "batch_enabled": True,
            "kept_vote_doors": ["url"],
            "vote_door": "http",
        },
        "ingress": {"provisioned_concurrency": 10, "reserved_concurrency": 100},
        "observability": {"alarms_enabled": True},
        "permissions_boundary": True,
        "voter_auth": {"mode": "iam"},
    },
    "http_door_with_tokens": {
        "firewall": None,
        "api": {"allowed_origins": [], "vote_door": "http"},
        "voter_auth": {"mode": "cognito", "token_scopes": ["votes/vote"]},
    },
    "http_door_with_codes": {
        "firewall": None,
        "api": {"vote_door": "http"},
        "encryption": {"customer_managed_key": True},
        "permissions_boundary": True,
        "stream": {"encryption_enabled": True},
        "voter_auth": {"mode": "codes"},
    },
    "url_door": {
        "firewall": None,
        "api": {"allowed_origins": ["https://vote.example.com"], "vote_door": "url"},
        "ingress": {"reserved_concurrency": 100},
        "observability": {"alarms_enabled": True},
        "results_api": {"cdn_enabled": True},
        "voter_auth": {"mode": "cognito"},
        "web": {},
    },
    "trusted_back_ends": {
        "api": {"batch_enabled": True},
        "encryption": {"kms_key_arn": f"arn:aws:kms:{REGION}:111122223333:key/{'0' * 36}"},
        "observability": {"alarms_enabled": True},
        "stream": {"encryption_enabled": True},
        "voter_auth": {"mode": "iam"},
    },
}

# The resources of `make bootstrap`, with the pipeline's roles. It imports the state bucket, which a mock cannot do.
_STATE_BUCKET = f"tfstate-{LONGEST['project']}-{LONGEST['environment']}-111122223333"
FOUNDATION_VARIABLES = LONGEST | {
    "aws_region": REGION,
    "github_repository": "a-rather-long-organisation-name/and-a-repository",
    "github_repository_id": "1234567890",
    "state_bucket": _STATE_BUCKET,
    "zone_id": "Z0123456789ABCDEFGHIJ",
}
FOUNDATION_MOCK = f"""
override_resource {{
  target = aws_s3_bucket.state
  values = {{ arn = "arn:aws:s3:::{_STATE_BUCKET}", id = "{_STATE_BUCKET}" }}
}}
"""


class Resource(NamedTuple):
    """A resource that a run plans."""

    run: str
    address: str
    type: str
    values: dict[str, Any]

    @property
    def source(self) -> tuple[str, str]:
        """The type and the label of the block that it comes from."""
        return self.type, re.sub(r"\[.*?\]", "", self.address).split(".")[-1]

    def __str__(self) -> str:
        return f"{self.run}: {self.address}"


@cache
def everything() -> tuple[Resource, ...]:
    """Return the resources of every environment with every set of features, and those of the foundation."""
    return tuple(resource for resource in _planned() if resource.run not in (PLATFORM, BOUNDARY))


@cache
def resources_of(run: str) -> dict[str, dict[str, Any]]:
    """Return the resources that a run plans, by their address."""
    return {resource.address: resource.values for resource in _planned() if resource.run == run}


@cache
def _planned() -> tuple[Resource, ...]:
    return tuple(Resource(*fields) for fields in kept("plans", _plan))


def _plan() -> list[Resource]:
    """Plan in two processes."""
    runs = {
        f"{environment}_{features}": _merged(
            parsed(INFRA / "environments" / f"{environment}.tfvars"),
            overlay,
            LONGEST | {"aws_region": REGION, "artifact_directory": "tests/fixtures/artifacts/arm64"},
        )
        for environment in ENVIRONMENTS
        for features, overlay in FEATURES.items()
        if environment == LARGEST or not overlay
    }
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor() as executor:
        copy = _copy(Path(temporary))
        found = [
            executor.submit(_planned_in, "infra", copy, COMPOSITION, _test_file(runs)),
            executor.submit(
                _planned_in,
                "infra/bootstrap",
                copy,
                "bootstrap",
                FOUNDATION_MOCK
                + _test_file({"foundation": FOUNDATION_VARIABLES}, aliases=(None,), tests="../tests"),
            ),
        ]
        return [resource for part in found for resource in part.result()]


@cache
def default_tags() -> dict[str, str]:
    """Return the tags that the provider gives to everything; a mocked one does not."""
    # Each provider gives the same.
    provider, *_ = [
        settings for block in parsed(INFRA / "providers.tf")["provider"] for settings in block.values()
    ]
    (tags,) = provider["default_tags"]
    return {
        key: re.sub(r"\$\{var\.(\w+)\}", lambda name: LONGEST[name[1]], value)
        for key, value in tags["tags"].items()
    }


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            before = merged.get(name)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                merged[name] = _merged(before, value)
            else:
                merged[name] = value
    return merged


def _planned_in(folder: str, copy: Path, test: str, text: str) -> tuple[Resource, ...]:
    """Plan the first run of one of a folder's own tests, and the runs of a test file with this text."""
    files = {
        f"tests/{test}.tftest.hcl": _first_run(
            (INFRA.parent / folder / f"tests/{test}.tftest.hcl").read_text("utf-8")
        ),
        "tests/everything.tftest.hcl": text,
    }
    for name, content in files.items():
        (copy / folder / name).write_text(content, encoding="utf-8")
    return tuple(
        Resource(run, change["address"], change["type"], change["change"]["after"])
        for run, changes in plans_of(folder, files, copy).items()
        for change in changes
        if change["mode"] == "managed"
    )


def _first_run(test: str) -> str:
    before, run, *_ = re.split(r'^(?=run ")', test, flags=re.MULTILINE)
    return before + run


def _copy(home: Path) -> Path:
    """Make a copy of the project in which only infra/ is a real folder, without its tests.

    A failed check block fails a test run, but only warns at plan. So checks.tf stays behind, too.
    """
    for entry in PROJECT.iterdir():
        if entry.name != INFRA.name:
            (home / entry.name).symlink_to(entry)
    ignored = shutil.ignore_patterns(".terraform", "*.tftest.hcl", "checks.tf")
    shutil.copytree(INFRA, home / INFRA.name, ignore=ignored)
    mocks = home / INFRA.name / "tests" / "mocks"
    for file in shutil.copytree(mocks, mocks.with_name(LONG_MOCKS)).glob("*.tfmock.hcl"):
        text = file.read_text(encoding="utf-8").replace("eu-west-1", REGION)
        file.write_text(re.sub(r'(?<=[:/])mocked(?=[":/])', MOCKED_NAME, text), encoding="utf-8")
    return home


def _test_file(
    runs: Mapping[str, Mapping[str, Any]],
    aliases: Iterable[str | None] = (None, "us_east_1"),
    tests: str = "./tests",
) -> str:
    blocks = []
    for alias in aliases:
        named = f"  alias           = {json.dumps(alias)}\n" if alias else ""
        source = f'  source          = "{tests}/{LONG_MOCKS}"\n'
        blocks.append(f'mock_provider "aws" {{\n{named}{source}  override_during = plan\n}}\n')
    for name, variables in runs.items():
        assigned = "\n".join(f"    {key} = {json.dumps(value)}" for key, value in variables.items())
        blocks.append(f'run "{name}" {{\n  command = plan\n\n  variables {{\n{assigned}\n  }}\n}}\n')
    return "\n".join(blocks)
