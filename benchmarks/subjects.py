"""The subjects: the two functions as built, and the simpler ways."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

from benchmarks.function import Code, Cost, MeasuredFunction, runtime_packages, unpacked
from benchmarks.store import POLLS_TABLE, TALLIES_TABLE, VOTES_TABLE, Store
from scripts.bootstrap.layout import HERE
from voting.settings import PREFIX, AggregatorSettings, FunctionSettings, WriterSettings

VOTE_WRITER = "vote_writer"
VOTE_AGGREGATOR = "vote_aggregator"
PUT_ITEM = "put_item"
BATCH_WRITE_ITEM = "batch_write_item"
BATCH_WRITE_ITEM_TUNED = "batch_write_item_tuned"
NOTHING = "nothing"
INGRESS = "ingress"
PUT_RECORD = "put_record"
JSON_LOADS = "json_loads"
FUNCTIONS = (VOTE_WRITER, PUT_ITEM, BATCH_WRITE_ITEM, BATCH_WRITE_ITEM_TUNED, VOTE_AGGREGATOR, NOTHING)

_BASELINES = Path(__file__).with_name("baselines")
_SITE_PACKAGES = (
    HERE.root
    / ".venv-localcloud"
    / "lib"
    / f"python{sys.version_info.major}.{sys.version_info.minor}"
    / "site-packages"
)
DEFAULT_WRITE_CONCURRENCY = 4  # as in infra/variables.tf


@dataclass(frozen=True)
class Subjects:
    """The functions' unpacked archives, and the packages that Lambda's runtime brings."""

    folders: dict[str, Path]
    runtime_folder: Path
    archive_bytes: dict[str, int]

    def code(self, name: str, store: Store, **environment: object) -> Code:
        """Return the program of a subject; ``environment`` adds to its variables or replaces some."""
        variables = {"AWS_ENDPOINT_URL_DYNAMODB": store.endpoint}
        if name in self.folders:
            folder, handler = self.folders[name], f"{name}.handler.lambda_handler"
            variables |= {PREFIX + key.upper(): str(_VALUES[key]) for key in _SETTINGS[name].model_fields}
        else:
            tuned = name == BATCH_WRITE_ITEM_TUNED
            module = BATCH_WRITE_ITEM if tuned else name
            folder, handler = _BASELINES, f"{module}.lambda_handler"
            variables |= {"VOTES_TABLE": VOTES_TABLE, "CLIENT": "tuned" if tuned else "plain"}
        return Code(folder, handler, variables | {key: str(value) for key, value in environment.items()})

    def door_code(self, name: str, endpoint: str) -> Code:
        """Return what to run for ``INGRESS`` or ``PUT_RECORD``; no endpoint means AWS's own."""
        variables = dict(_DOOR_VARIABLES)
        if endpoint:
            variables["AWS_ENDPOINT_URL_KINESIS"] = endpoint
        if name == INGRESS:
            return Code(self.folders[name], f"{name}.handler.lambda_handler", variables)
        return Code(_BASELINES, f"{name}.lambda_handler", variables)

    def start(
        self, name: str, store: Store, *, processors: Iterable[int] | None = None, **environment: object
    ) -> MeasuredFunction:
        """Start a process of a subject."""
        return MeasuredFunction(
            self.code(name, store, **environment), self.runtime_folder, processors=processors
        )


# What Terraform would set; each function gets those that its settings know.
_VALUES = {
    "environment": "bench",
    "log_level": "INFO",
    "max_writes_per_second": 0,
    "poll_cache_seconds": 60,
    "polls_table": POLLS_TABLE,
    "tallies_table": TALLIES_TABLE,
    "vote_retention_days": 0,
    "votes_table": VOTES_TABLE,
    "write_concurrency": DEFAULT_WRITE_CONCURRENCY,
}
_DOOR_VARIABLES = {
    "VOTESTREAM_AUDIENCES": "",
    "VOTESTREAM_BATCH_ENABLED": "false",
    "VOTESTREAM_CODE_KEY": "",
    "VOTESTREAM_ISSUER": "",
    "VOTESTREAM_POLLS_TABLE": "",
    "VOTESTREAM_STREAM": "votestream-bench-votes",
    "VOTESTREAM_TOKEN_SCOPES": "",
    "VOTESTREAM_VOTE_DOOR": "http",
    "VOTESTREAM_VOTER_AUTH": "none",
    "VOTESTREAM_VOTER_CLAIM": "",
}
_SETTINGS: Mapping[str, type[FunctionSettings]] = {
    VOTE_WRITER: WriterSettings,
    VOTE_AGGREGATOR: AggregatorSettings,
}


def versions() -> dict[str, str]:
    """Return the versions of what the measured code ran on."""
    places = {"awslambdaric": _SITE_PACKAGES, "boto3": _SITE_PACKAGES, "ministack": None, "pydantic": None}
    found = {}
    for name, place in places.items():
        path = sys.path if place is None else [str(place)]
        found[name] = next(iter(Distribution.discover(name=name, path=path))).version
    return found


@contextlib.contextmanager
def built_subjects() -> Iterator[Subjects]:
    """Build the archives for this machine if they are not current, and unpack them for as long as the context lasts.

    Raises:
        subprocess.CalledProcessError: they can't be built, and why is on stderr.
    """
    build = [sys.executable, str(HERE.root / "scripts" / "build_zip.py"), "host"]
    subprocess.run(build, stdout=subprocess.DEVNULL, check=True)
    dist = HERE.root / "dist" / "host"
    archives = {name: dist / f"{name}.zip" for name in (VOTE_WRITER, VOTE_AGGREGATOR, INGRESS)}
    with contextlib.ExitStack() as stack:
        yield Subjects(
            folders={name: stack.enter_context(unpacked(archive)) for name, archive in archives.items()},
            runtime_folder=stack.enter_context(runtime_packages(_SITE_PACKAGES)),
            archive_bytes={name: archive.stat().st_size for name, archive in archives.items()},
        )


class JsonLoads:
    """The floor, in the form of a function: ``json.loads`` of an event, and nothing else."""

    def run(self, payloads: Sequence[bytes]) -> Cost:
        """Read the events in a process of their own and return what that takes in CPU time."""
        command = [sys.executable, "-I", str(_BASELINES / "json_loads.py")]
        done = subprocess.run(command, input=b"\n".join(payloads), capture_output=True, check=True)
        taken = round(sum(json.loads(done.stdout)))
        return Cost(cpu_ns=taken, wall_ns=taken)
