"""``python -m votectl``."""

from votectl.cli import app

app()
