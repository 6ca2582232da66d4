"""The folders of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Layout(NamedTuple):
    """The folders of one checkout.

    Attributes:
        root: the checkout itself.
    """

    root: Path

    @property
    def requirements(self) -> Path:
        """The locked requirements."""
        return self.root / "requirements"

    @property
    def tools(self) -> Path:
        """The installed tools: uv, and Python and Terraform if the machine has no suitable ones."""
        return self.root / ".tools"

    @property
    def logs(self) -> Path:
        """Outputs of commands that failed."""
        return self.root / ".state" / "logs"

    def shown(self, path: Path) -> str:
        """The path as a person in the checkout would type it."""
        try:
            return str(path.relative_to(self.root))
        except ValueError:
            return str(path)


HERE = Layout(Path(__file__).resolve().parents[2])
