"""The patterns of a vote's fields: one place for all doors and consumers.

Text only, so that ``ingress`` can use it without pydantic. Terraform cannot read Python: a contract test compares
the patterns of infra/modules/api with these.
"""

POLL_ID = "[a-z0-9-]{1,64}"
OPTION = "[A-Za-z0-9_.-]{1,64}"
# Wide enough for UUIDs, e-mail addresses and the subject claims of identity providers ("auth0|…").
# Quotes, backslashes and control characters are left out, so that no encoding on the way can change a voter.
VOTER = "[A-Za-z0-9_.:@|+=/-]{1,128}"
