"""The vote aggregator: keeps live counts, every accepted record exactly once."""
