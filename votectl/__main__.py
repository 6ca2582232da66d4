"""``python -m votectl``."""

from votectl.main import main

main()
