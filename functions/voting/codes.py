"""Codes of voters without accounts: the rules that votectl, which creates codes, and ingress, which checks them, share.

A code is a JWT that the deployment's key has signed. It votes in one poll, for the one voter that it names. Text
only, so that ``ingress`` can use it without pydantic.
"""

AUDIENCE = "votes"
# The attribute of a poll's row that lists its batches: a map from batch id to its facts.
BATCHES = "code_batches"
# In an entry: when the batch was voided, epoch ms. Without it the batch is valid.
VOIDED_AT = "voided_at"
