"""Exporting results packs on this machine. functions/results_pack defines the format."""
