"""A run's folder: what it was to do, what was answered, and what came of it."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from loadtest.measuring import Sample
from loadtest.scenario import Plan, Scenario
from votectl.errors import OperatorError


class Files:
    """The files of one run."""

    def __init__(self, root: Path) -> None:
        """Take the folder."""
        self.root = root
        self.journal = root / "journal.csv"
        self.page = root / "report.html"
        self.document = root / "report.json"
        self.locust = root / "locust.html"  # Locust's own report
        self._plan = root / "plan.json"
        self._scenario = root / "scenario.json"
        self._samples = root / "samples.csv"
        self._missing = root / "missing.txt"
        self._unattributed = root / "unattributed-before.json"

    def begin(self, plan: Plan) -> None:
        """Make the folder of a new run."""
        self.root.mkdir(parents=True)
        self._plan.write_text(plan.model_dump_json(indent=2) + "\n", "utf-8")

    def plan(self) -> Plan:
        """Return what the run is to do."""
        return Plan.model_validate_json(self._plan.read_text("utf-8"))

    def write_scenario(self, scenario: Scenario) -> None:
        """Keep which polls there are."""
        self._scenario.write_text(scenario.model_dump_json(indent=2) + "\n", "utf-8")

    def scenario(self) -> Scenario:
        """Return the run's scenario.

        Raises:
            OperatorError: there is none: the run has never begun.
        """
        try:
            return Scenario.model_validate_json(self._scenario.read_text("utf-8"))
        except OSError as error:
            raise OperatorError(
                f"{self.root} holds no run that has begun ({self._scenario.name}: {error.strerror})"
            ) from None
        except ValidationError as error:
            raise OperatorError(f"{self._scenario} is of another version of this project: {error}") from None

    def note_unattributed(self, counts: Mapping[str, int]) -> None:
        """Keep what was rejected without a poll before the run."""
        self._unattributed.write_text(json.dumps(counts) + "\n", "utf-8")

    def unattributed_before(self) -> dict[str, int]:
        """Return what was rejected without a poll before the run."""
        counts: dict[str, int] = json.loads(self._unattributed.read_text("utf-8"))
        return counts

    def note_missing(self, requests: int) -> None:
        """Keep how many requests were begun and have no entry in the journal. The last thing that a run does."""
        self._missing.write_text(f"{requests}\n", "ascii")

    def missing(self) -> int | None:
        """Return how many requests have no entry; None if the run did not come to its end."""
        return int(self._missing.read_text("ascii")) if self._missing.exists() else None

    def note_sample(self, at_ms: int, counted: int) -> None:
        """Keep how many records were counted at a time."""
        with self._samples.open("a", encoding="ascii") as file:
            file.write(f"{at_ms},{counted}\n")

    def samples(self) -> list[Sample]:
        """Return all samples, in order."""
        if not self._samples.exists():
            return []
        with self._samples.open(encoding="ascii", newline="") as file:
            return [Sample(int(at_ms), int(counted)) for at_ms, counted in csv.reader(file)]
