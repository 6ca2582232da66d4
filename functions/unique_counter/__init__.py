"""The unique counter: counts a poll's voters once each, again and again from its opening to its final result."""
