"""The tally: makes a poll's result final, and proves that it is. Its steps are run by Step Functions."""
