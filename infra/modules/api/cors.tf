# CORS allows pages of the origins in the tfvars to vote from a browser. A browser asks first (OPTIONS), and shows the
# answer to the page only if it names the page's origin.
#
# No answer allows credentials: the API knows no cookies, and a page has to have a voter's token to use it.
locals {
  # Single votes and receipts. Results are public and need no CORS rule; batches are not for browsers.
  all_preflights = {
    cast_vote = { resource = aws_api_gateway_resource.votes, method = "POST", offered = local.takes_votes }
    receipt   = { resource = aws_api_gateway_resource.receipt, method = "GET", offered = local.receipts_read }
  }
  preflights = { for name, call in local.all_preflights : name => call if call.offered && length(var.allowed_origins) > 0 }

  # Precedes each response template. Two headers, because browsers may write the name either way.
  cors_template = length(var.allowed_origins) == 0 ? "" : templatefile("${path.module}/templates/cors.vtl", {
    origins_pattern = join("|", [for origin in var.allowed_origins : replace(replace(origin, ".", "[.]"), ":*", ":[0-9]{1,5}")])
  })

  # API Gateway's own answers cannot compare origins. Their texts are fixed and hold no personal data, so with several
  # origins every page may read them.
  refusal_origin = length(var.allowed_origins) == 1 && !strcontains(join("", var.allowed_origins), "*") ? one(var.allowed_origins) : "*"
  refusal_cors = length(var.allowed_origins) == 0 ? {} : {
    "gatewayresponse.header.Access-Control-Allow-Origin"   = "'${local.refusal_origin}'"
    "gatewayresponse.header.Access-Control-Expose-Headers" = "'Retry-After'"
  }
}

resource "aws_api_gateway_method" "preflight" {
  for_each = local.preflights

  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = each.value.resource.id
  http_method   = "OPTIONS"
  authorization = "NONE" # a browser sends no token with a preflight request

  # checkov:skip=CKV2_AWS_53: a preflight has neither body nor parameters, and its answer is a fixed one
}

resource "aws_api_gateway_integration" "preflight" {
  for_each = local.preflights

  rest_api_id       = aws_api_gateway_rest_api.this.id
  resource_id       = each.value.resource.id
  http_method       = aws_api_gateway_method.preflight[each.key].http_method
  type              = "MOCK"
  request_templates = { "application/json" = jsonencode({ statusCode = 200 }) }
}

resource "aws_api_gateway_method_response" "preflight" {
  for_each = local.preflights

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = each.value.resource.id
  http_method = aws_api_gateway_method.preflight[each.key].http_method
  status_code = "200"
}

resource "aws_api_gateway_integration_response" "preflight" {
  for_each = local.preflights

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = each.value.resource.id
  http_method = aws_api_gateway_method.preflight[each.key].http_method
  status_code = aws_api_gateway_method_response.preflight[each.key].status_code
  response_templates = {
    "application/json" = "${local.cors_template}${templatefile("${path.module}/templates/preflight.vtl", { method = each.value.method })}"
  }

  depends_on = [aws_api_gateway_integration.preflight]
}
