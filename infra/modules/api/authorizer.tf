# The voter's identity. The template makes it the partition key, and takes it from one place only.
#
# none: the body names the voter, and nothing verifies it.
# iam: the body names the voter, and a principal of this account has signed the request: a back end that knows its voters.
# cognito: the token names the voter. The user pool has signed it, and a voter in the body is refused.
# oidc, codes: a REST API cannot check such a token, so this one takes no votes. They go to another door.
locals {
  authorization = { none = "NONE", iam = "AWS_IAM", cognito = "COGNITO_USER_POOLS", oidc = "NONE", codes = "NONE" }[var.voter_auth]
  takes_votes   = !contains(["oidc", "codes"], var.voter_auth)

  # Without scopes API Gateway takes ID tokens, with scopes access tokens that have one of them.
  authorization_scopes = var.voter_auth == "cognito" && length(var.token_scopes) > 0 ? var.token_scopes : null

  body_names_voter = contains(["none", "iam"], var.voter_auth)

  # In the template: the voter, and a voter that the body names although it must not. The quotes turn a missing value into
  # an empty string. A voter in the body must already be a string.
  voter_expression       = local.body_names_voter ? "$vote.voter" : "\"$!context.authorizer.claims.sub\""
  other_voter_expression = local.body_names_voter ? "''" : "\"$!vote.voter\""

  # Calls that a back end may make, under the stage.
  vouched_calls = concat(
    var.voter_auth == "iam" ? ["POST/polls/*/votes", "GET/polls/*/votes/me"] : [],
    var.batch_enabled ? ["POST/polls/*/votes/batch"] : [],
  )
}

resource "aws_api_gateway_authorizer" "voters" {
  count = var.voter_auth == "cognito" ? 1 : 0

  rest_api_id     = aws_api_gateway_rest_api.this.id
  name            = "voters"
  type            = "COGNITO_USER_POOLS"
  identity_source = "method.request.header.Authorization"
  provider_arns   = [var.user_pool_arn]
}

# A policy for the roles of back ends: it allows a back end to vouch for voters at this door, and nothing else.
resource "aws_iam_policy" "back_end" {
  count = length(local.vouched_calls) > 0 ? 1 : 0

  name        = "${var.name}-back-end"
  description = "Lets a trusted back end vote in its voters' names at the REST API ${var.name}"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "VouchForVoters"
      Effect   = "Allow"
      Action   = "execute-api:Invoke"
      Resource = [for call in local.vouched_calls : "${aws_api_gateway_rest_api.this.execution_arn}/${aws_api_gateway_stage.this.stage_name}/${call}"]
    }]
  })
}
