"""Checks of a deployment from the outside: what is wrong with it, and what to do."""
