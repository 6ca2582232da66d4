# Keys for known clients, each with its own limits. A key does not protect votes, because it is in every copy of an app.
# It only tells which client's limits apply to a request.
#
# A usage plan needs the stage, so a new deployment of the API reaches voters before new keys work. So keys are created in
# one apply and required in a later one.
resource "aws_api_gateway_api_key" "client" {
  for_each = var.clients

  name        = "${var.name}-${each.key}"
  description = "Votes from ${each.key}"
}

resource "aws_api_gateway_usage_plan" "client" {
  for_each = var.clients

  name        = "${var.name}-${each.key}"
  description = "Limits of ${each.key}"

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    burst_limit = each.value.throttling_burst_limit
    rate_limit  = each.value.throttling_rate_limit
  }

  dynamic "quota_settings" {
    for_each = each.value.requests_per_day[*]

    content {
      limit  = quota_settings.value
      period = "DAY"
    }
  }
}

resource "aws_api_gateway_usage_plan_key" "client" {
  for_each = var.clients

  key_id        = aws_api_gateway_api_key.client[each.key].id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.client[each.key].id
}
