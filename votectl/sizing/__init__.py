"""The capacity that an event needs, its cost, and the time of its final result. docs/sizing.md has the model."""
