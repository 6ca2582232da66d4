# Polls, results and receipts come from a function behind the same API. The function validates requests itself, so that
# its messages can say what is wrong.
locals {
  # The methods by their paths.
  all_reads = {
    poll    = { resource = aws_api_gateway_resource.poll, operation = "GetPoll" }
    results = { resource = aws_api_gateway_resource.results, operation = "GetResults" }
    receipt = { resource = aws_api_gateway_resource.receipt, operation = "CheckReceipt" }
  }
  reads = { for name, read in local.all_reads : name => read if name != "receipt" || local.receipts_read }

  # Results are public. A receipt is for its voter, or for the back end that vouched for the vote. With codes the query
  # names the voter: only a holder of the code knows that name. With oidc the name can be guessed, and a REST API
  # cannot check the token.
  receipts_read = var.voter_auth != "oidc"
  public_reads  = ["poll", "results"]
}

resource "aws_api_gateway_resource" "results" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.poll.id
  path_part   = "results"
}

resource "aws_api_gateway_resource" "receipt" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.votes.id
  path_part   = "me"
}

resource "aws_api_gateway_method" "read" {
  for_each = local.reads

  rest_api_id          = aws_api_gateway_rest_api.this.id
  resource_id          = each.value.resource.id
  http_method          = "GET"
  authorization        = contains(local.public_reads, each.key) ? "NONE" : local.authorization
  authorizer_id        = contains(local.public_reads, each.key) ? null : one(aws_api_gateway_authorizer.voters[*].id)
  authorization_scopes = contains(local.public_reads, each.key) ? null : local.authorization_scopes
  operation_name       = each.value.operation
  request_parameters   = { "method.request.path.poll_id" = true }

  # checkov:skip=CKV2_AWS_53: the function validates requests itself, so that its messages can say what is wrong
}

resource "aws_api_gateway_integration" "read" {
  for_each = local.reads

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = each.value.resource.id
  http_method             = aws_api_gateway_method.read[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = var.results_invoke_arn
}

# Viewers have separate limits: they must not use up the account's requests, which votes need.
resource "aws_api_gateway_method_settings" "read" {
  for_each = local.reads

  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  # With every slash of the path escaped. Otherwise API Gateway accepts the setting and drops it: "reading API Gateway Method
  # Settings: empty result" (terraform-provider-aws issue 9738).
  method_path = "${replace(each.value.resource.path, "/", "~1")}/GET"

  settings {
    metrics_enabled        = true
    throttling_burst_limit = var.results_throttling_burst_limit
    throttling_rate_limit  = var.results_throttling_rate_limit
    # The query of a receipt names a voter.
    logging_level      = "OFF"
    data_trace_enabled = false
  }

  # checkov:skip=CKV_AWS_225: results are kept by CloudFront, for as long as each answer allows
}

resource "aws_lambda_permission" "read" {
  statement_id  = "${var.name}-api"
  action        = "lambda:InvokeFunction"
  function_name = var.results_function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/*/GET/polls/*"
}
