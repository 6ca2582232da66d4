"""Results packs: a final result with one line per stored vote, so that anyone can recount it.

docs/results-pack.md describes the format. ``verify_pack.py`` is part of every pack and imports nothing of ours.
"""
