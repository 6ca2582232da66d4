"""Checks of a deployment from the outside: problems and remedies."""
