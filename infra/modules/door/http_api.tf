# The HTTP API. It checks signatures and sign-in tokens itself, so the function may trust what it says about them: only the
# API may call the function. The function checks codes, because the API cannot know which batches are void.
locals {
  # Batches are always signed, whatever voter_auth says about single votes.
  routes = local.is_http ? merge(
    { "POST /polls/{poll_id}/votes" = { none = "NONE", iam = "AWS_IAM", cognito = "JWT", oidc = "JWT", codes = "NONE" }[var.voter_auth] },
    var.batch_enabled ? { "POST /polls/{poll_id}/votes/batch" = "AWS_IAM" } : {},
  ) : {}
}

resource "aws_apigatewayv2_api" "this" {
  count = local.is_http ? 1 : 0

  name          = var.name
  description   = "Takes votes and puts them into the stream"
  protocol_type = "HTTP"

  dynamic "cors_configuration" {
    for_each = length(local.origins) == 0 ? [] : [local.origins]

    content {
      allow_headers  = ["authorization", "content-type"]
      allow_methods  = ["POST"]
      allow_origins  = cors_configuration.value
      expose_headers = ["retry-after"]
      max_age        = 600
    }
  }
}

resource "aws_apigatewayv2_authorizer" "voters" {
  count = local.is_http && contains(["cognito", "oidc"], var.voter_auth) ? 1 : 0

  api_id           = one(aws_apigatewayv2_api.this[*].id)
  name             = "voters"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  # An access token of Cognito's has no audience; API Gateway compares its client_id then.
  jwt_configuration {
    audience = var.sign_in.audiences
    issuer   = var.sign_in.issuer
  }
}

resource "aws_apigatewayv2_integration" "ingress" {
  count = local.is_http ? 1 : 0

  api_id                 = one(aws_apigatewayv2_api.this[*].id)
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.live.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 10000
}

resource "aws_apigatewayv2_route" "votes" {
  for_each = local.routes

  api_id               = one(aws_apigatewayv2_api.this[*].id)
  route_key            = each.key
  target               = "integrations/${one(aws_apigatewayv2_integration.ingress[*].id)}"
  authorization_type   = each.value
  authorizer_id        = each.value == "JWT" ? one(aws_apigatewayv2_authorizer.voters[*].id) : null
  authorization_scopes = each.value == "JWT" && length(var.sign_in.token_scopes) > 0 ? var.sign_in.token_scopes : null

  lifecycle {
    create_before_destroy = true
  }

  # checkov:skip=CKV_AWS_309: voter_auth says who may vote; "none" is chosen in the tfvars, and a check warns about it
}

resource "aws_apigatewayv2_stage" "this" {
  count = local.is_http ? 1 : 0

  api_id      = one(aws_apigatewayv2_api.this[*].id)
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    detailed_metrics_enabled = true
    throttling_burst_limit   = var.throttling_burst_limit
    throttling_rate_limit    = var.throttling_rate_limit
  }

  lifecycle {
    create_before_destroy = true
  }

  # checkov:skip=CKV_AWS_76: a line for each vote would cost more than its function; metrics say enough
}

# The source matters: a caller that may invoke the function directly can invent any claims.
resource "aws_lambda_permission" "http_api" {
  count = local.is_http ? 1 : 0

  statement_id_prefix = "${var.name}-votes-"
  action              = "lambda:InvokeFunction"
  function_name       = aws_lambda_alias.live.function_name
  qualifier           = aws_lambda_alias.live.name
  principal           = "apigateway.amazonaws.com"
  source_arn          = "${one(aws_apigatewayv2_api.this[*].execution_arn)}/*/POST/polls/*"

  lifecycle {
    create_before_destroy = true
  }
}
