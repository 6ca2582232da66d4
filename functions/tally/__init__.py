"""The tally: makes a poll's result final, and proves it. Step Functions runs its steps."""
