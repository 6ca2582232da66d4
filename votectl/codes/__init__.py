"""Codes for voters without accounts: batches in the polls table, signed codes, and the files for the organiser."""
