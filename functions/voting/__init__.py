"""The core that both consumers share: records, rules, polls, errors, metric names, settings.

Nothing in this package imports boto3, reads the environment or a clock: callers pass them in. The edge to AWS
is the sibling package ``voting_aws``.
"""
