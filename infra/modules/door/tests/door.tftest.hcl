# Each door with its routes, permissions and limits. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                   = "votestream-test"
  kind                   = "http"
  voter_auth             = "none"
  throttling_burst_limit = 100
  throttling_rate_limit  = 200
  function               = { name = "votestream-test-http-ingress", version = "7" }
}

run "http_door_sends_votes_to_the_function_and_nothing_else" {
  command = plan

  assert {
    condition     = keys(aws_apigatewayv2_route.votes) == ["POST /polls/{poll_id}/votes"]
    error_message = "An HTTP API without batches has one route, the one for votes."
  }

  assert {
    condition     = aws_apigatewayv2_integration.ingress[0].integration_uri == aws_lambda_alias.live.invoke_arn && aws_apigatewayv2_integration.ingress[0].payload_format_version == "2.0"
    error_message = "The API calls the alias, in the payload format that ingress reads."
  }

  assert {
    condition     = aws_lambda_permission.http_api[0].source_arn == "arn:aws:execute-api:eu-west-1:111122223333:httpapi000/*/POST/polls/*"
    error_message = "Only this API may call the function: another caller could invent the claims."
  }

  assert {
    condition     = aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_rate_limit == 200 && aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_burst_limit == 100
    error_message = "The stage throttles as the tfvars say."
  }

  assert {
    condition     = output.votes_url == "https://httpapi000.execute-api.eu-west-1.amazonaws.com"
    error_message = "votes_url has no slash at its end, because tools add the path."
  }

  assert {
    condition     = length(aws_lambda_permission.public_function) == 0 && length(aws_lambda_function_url.this) == 0
    error_message = "With an HTTP API the function is not public."
  }
}

run "http_door_has_signed_batches_origins_and_ready_containers" {
  command = plan

  variables {
    batch_enabled           = true
    provisioned_concurrency = 1
    allowed_origins         = ["http://localhost:*", "https://vote.example.com"]
  }

  assert {
    condition     = aws_apigatewayv2_route.votes["POST /polls/{poll_id}/votes/batch"].authorization_type == "AWS_IAM" && aws_apigatewayv2_route.votes["POST /polls/{poll_id}/votes"].authorization_type == "NONE"
    error_message = "Batches ask for a signature whatever voter_auth says."
  }

  assert {
    condition     = aws_lambda_provisioned_concurrency_config.live[0].provisioned_concurrent_executions == 1 && aws_lambda_provisioned_concurrency_config.live[0].qualifier == "live"
    error_message = "Containers are kept ready for the alias that the door calls."
  }

  assert {
    condition     = aws_apigatewayv2_api.this[0].cors_configuration[0].allow_origins == toset(["https://vote.example.com"]) && aws_apigatewayv2_api.this[0].cors_configuration[0].expose_headers == toset(["retry-after"])
    error_message = "Pages of the named origins may vote and may read Retry-After."
  }
}

run "http_door_takes_signed_votes_and_batches" {
  command = plan

  variables {
    voter_auth    = "iam"
    batch_enabled = true
  }

  assert {
    condition     = { for key, route in aws_apigatewayv2_route.votes : key => route.authorization_type } == { "POST /polls/{poll_id}/votes" = "AWS_IAM", "POST /polls/{poll_id}/votes/batch" = "AWS_IAM" }
    error_message = "With iam both routes ask for a signature."
  }

  assert {
    condition     = jsondecode(aws_iam_policy.back_end[0].policy).Statement[0].Resource == ["arn:aws:execute-api:eu-west-1:111122223333:httpapi000/$default/POST/polls/*/votes", "arn:aws:execute-api:eu-west-1:111122223333:httpapi000/$default/POST/polls/*/votes/batch"]
    error_message = "A back end may call the two routes and nothing else."
  }
}

run "http_door_checks_tokens" {
  command = plan

  variables {
    voter_auth = "cognito"
    sign_in    = { audiences = ["app"], issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc", token_scopes = ["votes/vote"] }
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.voters[0].jwt_configuration[0].issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc" && aws_apigatewayv2_authorizer.voters[0].jwt_configuration[0].audience == toset(["app"])
    error_message = "Tokens must be the pool's and of one of its named clients."
  }

  assert {
    condition     = aws_apigatewayv2_route.votes["POST /polls/{poll_id}/votes"].authorization_scopes == toset(["votes/vote"])
    error_message = "With token_scopes a token needs one of them."
  }
}

run "http_door_checks_tokens_of_another_issuer" {
  command = plan

  variables {
    voter_auth = "oidc"
    sign_in    = { audiences = ["pages", "app"], issuer = "https://login.example.org/tenant/", token_scopes = [] }
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.voters[0].jwt_configuration[0].issuer == "https://login.example.org/tenant/" && aws_apigatewayv2_authorizer.voters[0].jwt_configuration[0].audience == toset(["app", "pages"])
    error_message = "Tokens must be the issuer's, letter by letter, and for one of the audiences."
  }

  assert {
    condition     = aws_apigatewayv2_route.votes["POST /polls/{poll_id}/votes"].authorization_type == "JWT"
    error_message = "API Gateway checks the token before the function is called."
  }
}

run "codes_are_checked_by_the_function" {
  command = plan

  variables {
    voter_auth      = "codes"
    allowed_origins = ["http://localhost:*"]
  }

  assert {
    condition     = aws_apigatewayv2_route.votes["POST /polls/{poll_id}/votes"].authorization_type == "NONE" && length(aws_apigatewayv2_authorizer.voters) == 0
    error_message = "An HTTP API cannot know which codes are void, so the function checks them."
  }

  assert {
    condition     = length(aws_apigatewayv2_api.this[0].cors_configuration) == 0
    error_message = "Without an origin that this door can match, no page may vote through it."
  }
}

run "url_door_is_public_where_voters_have_codes" {
  command = plan

  variables {
    kind       = "url"
    voter_auth = "codes"
  }

  assert {
    condition     = aws_lambda_function_url.this[0].authorization_type == "NONE" && length(aws_lambda_permission.public_url) == 1
    error_message = "People without accounts vote from anywhere, so the URL must be public."
  }
}

run "url_door_is_public_unless_requests_are_signed" {
  command = plan
  variables { kind = "url" }

  assert {
    condition     = aws_lambda_function_url.this[0].authorization_type == "NONE" && aws_lambda_function_url.this[0].qualifier == "live"
    error_message = "Without signatures the URL is open, and it belongs to the alias."
  }

  assert {
    condition     = aws_lambda_permission.public_url[0].function_url_auth_type == "NONE" && aws_lambda_permission.public_function[0].action == "lambda:InvokeFunction"
    error_message = "URLs made since October 2025 need both permissions."
  }

  assert {
    condition     = output.votes_url == "https://functionurl.lambda-url.eu-west-1.on.aws"
    error_message = "votes_url has no slash at its end, because tools add the path."
  }

  assert {
    condition     = output.metrics.count == "UrlRequestCount" && output.metrics.dimensions.FunctionName == "votestream-test-http-ingress"
    error_message = "CloudWatch counts a URL's requests under the function."
  }
}

run "url_door_is_closed_to_unsigned_requests" {
  command = plan

  variables {
    kind          = "url"
    voter_auth    = "iam"
    batch_enabled = true
  }

  assert {
    condition     = aws_lambda_function_url.this[0].authorization_type == "AWS_IAM" && length(aws_lambda_permission.public_url) == 0 && length(aws_lambda_permission.public_function) == 0
    error_message = "With iam nobody may call the function without a signature."
  }

  assert {
    condition     = jsondecode(aws_iam_policy.back_end[0].policy).Statement[1].Condition == { Bool = { "lambda:InvokedViaFunctionUrl" = "true" } }
    error_message = "A back end must not invoke the function directly: it could invent the event."
  }
}

run "batches_are_refused_at_an_open_url" {
  command = plan

  variables {
    kind          = "url"
    batch_enabled = true
  }

  expect_failures = [aws_lambda_alias.live]
}

run "client_keys_are_refused" {
  command = plan
  variables { clients = ["app"] }
  expect_failures = [aws_lambda_alias.live]
}

run "a_firewall_is_refused" {
  command = plan
  variables { firewall_enabled = true }
  expect_failures = [aws_lambda_alias.live]
}

run "rejects_another_door_another_identity_and_no_container_to_keep_ready" {
  command = plan

  variables {
    kind                    = "rest"
    provisioned_concurrency = 0
    voter_auth              = "saml"
  }

  expect_failures = [var.kind, var.provisioned_concurrency, var.voter_auth]
}

run "rejects_tokens_without_an_audience" {
  command = plan
  variables { voter_auth = "cognito" }
  expect_failures = [var.sign_in]
}

run "rejects_an_issuer_without_https" {
  command = plan

  variables {
    voter_auth = "oidc"
    sign_in    = { audiences = ["pages"], issuer = "http://login.example.org", token_scopes = [] }
  }

  expect_failures = [var.sign_in]
}

run "rejects_an_issuer_with_a_query" {
  command = plan

  variables {
    voter_auth = "oidc"
    sign_in    = { audiences = ["pages"], issuer = "https://login.example.org/?tenant=1", token_scopes = [] }
  }

  expect_failures = [var.sign_in]
}

run "rejects_an_issuer_without_an_audience" {
  command = plan

  variables {
    voter_auth = "oidc"
    sign_in    = { audiences = [], issuer = "https://login.example.org", token_scopes = [] }
  }

  expect_failures = [var.sign_in]
}

run "rejects_an_audience_that_looks_like_a_list" {
  command = plan

  variables {
    voter_auth = "oidc"
    sign_in    = { audiences = ["[pages app]"], issuer = "https://login.example.org", token_scopes = [] }
  }

  expect_failures = [var.sign_in]
}
