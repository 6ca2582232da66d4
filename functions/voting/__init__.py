"""The core that both consumers share: records, rules, polls, errors, metric names, settings.

Nothing in this package imports boto3, reads the environment or looks at a clock; what needs one of
them gets it passed in. The edge to AWS is the sibling package ``voting_aws``.
"""
