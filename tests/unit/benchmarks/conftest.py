"""A small harness: the functions' sources instead of their archives, and a stand-in for AWS's runtime client."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.scenarios import Bench, Effort
from benchmarks.store import Store, running_store
from benchmarks.subjects import INGRESS, VOTE_AGGREGATOR, VOTE_WRITER, Subjects
from unit import runtime_client

FUNCTIONS = Path(__file__).parents[3] / "functions"

TINY = Effort(
    runs=1,
    votes_per_run=60,
    put_items_per_run=10,
    lane_runs=1,
    lane_votes=30,
    batch_sizes=(10,),
    changed_batch_sizes=(30,),
    changed_shares=(0.5, 1.0),
    latencies_ms=(5,),
    scale_factors=(1, 3),
    starts=1,
    memory_batches=1,
    drain_batches=4,
)


@pytest.fixture(scope="session")
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of Lambda's Python runtime and of the functions' archives."""
    folder = tmp_path_factory.mktemp("runtime")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        (folder / entry.name).symlink_to(entry)
    runtime_client.install(folder)
    return folder


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """A store for all tests; every test has its own voters."""
    with running_store() as store:
        yield store


@pytest.fixture
def bench(store: Store, runtime_folder: Path) -> Bench:
    """A benchmark of a few votes."""
    folders = dict.fromkeys((VOTE_WRITER, VOTE_AGGREGATOR, INGRESS), FUNCTIONS)
    return Bench(store, Subjects(folders, runtime_folder, dict.fromkeys(folders, 1_000_000)), TINY)
