"""A run's folder: scenario, journal, samples, reports."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from loadtest.measuring import Sample
from loadtest.scenario import Plan, Scenario
from votectl.errors import OperatorError
from votectl.settings.files import problems


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
        """Create the folder of a new run."""
        self.root.mkdir(parents=True)
        self._plan.write_text(plan.model_dump_json(indent=2) + "\n", "utf-8")

    def plan(self) -> Plan:
        """Return the run's plan."""
        return Plan.model_validate_json(self._plan.read_text("utf-8"))

    def write_scenario(self, scenario: Scenario) -> None:
        """Write the scenario with its polls."""
        self._scenario.write_text(scenario.model_dump_json(indent=2) + "\n", "utf-8")

    def scenario(self) -> Scenario:
        """Return the run's scenario.

        Raises:
            OperatorError: the run has never started.
        """
        try:
            return Scenario.model_validate_json(self._scenario.read_text("utf-8"))
        except OSError as error:
            raise OperatorError(
                f"{self.root} contains no started run ({self._scenario.name}: {error.strerror})"
            ) from None
        except ValidationError as error:
            raise OperatorError(
                f"{self._scenario} is damaged or of another version of this project: {problems(error)[0]}"
            ) from None

    def note_unattributed(self, counts: Mapping[str, int]) -> None:
        """Write the counts of rejected records without a poll, from before the run."""
        self._unattributed.write_text(json.dumps(counts) + "\n", "utf-8")

    def unattributed_before(self) -> dict[str, int]:
        """Return the counts of rejected records without a poll, from before the run."""
        counts: dict[str, int] = json.loads(self._unattributed.read_text("utf-8"))
        return counts

    def note_missing(self, requests: int) -> None:
        """Write the number of started requests without an entry in the journal. A run does this last."""
        self._missing.write_text(f"{requests}\n", "ascii")

    def missing(self) -> int | None:
        """Return the number of requests without an entry, or None if the run did not end normally."""
        return int(self._missing.read_text("ascii")) if self._missing.exists() else None

    def note_sample(self, at_ms: int, counted: int) -> None:
        """Write a sample of the counted records."""
        with self._samples.open("a", encoding="ascii") as file:
            file.write(f"{at_ms},{counted}\n")

    def samples(self) -> list[Sample]:
        """Return all samples, in order."""
        if not self._samples.exists():
            return []
        with self._samples.open(encoding="ascii", newline="") as file:
            return [Sample(int(at_ms), int(counted)) for at_ms, counted in csv.reader(file)]
