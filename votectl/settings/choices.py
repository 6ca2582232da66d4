"""Named values of settings. Importing this is cheap, so that commands can offer them."""

from enum import StrEnum


class Door(StrEnum):
    """What stands before the stream for votes (``api.vote_door``)."""

    REST = "rest"  # API Gateway REST API, without a function
    HTTP = "http"  # API Gateway HTTP API and the ingress function
    URL = "url"  # a function URL of the ingress function


class VoterIdentity(StrEnum):
    """Where a voter's identity comes from (``voter_auth.mode``)."""

    NONE = "none"  # the request's body
    IAM = "iam"  # a signed request of a trusted back end
    COGNITO = "cognito"  # the token of a user pool
    OIDC = "oidc"  # the token of the customer's own issuer
    CODES = "codes"  # a code that an organiser has handed out


class UserPoolTier(StrEnum):
    """The feature plan of a user pool (``voter_auth.user_pool_tier``)."""

    LITE = "LITE"
    ESSENTIALS = "ESSENTIALS"
    PLUS = "PLUS"
