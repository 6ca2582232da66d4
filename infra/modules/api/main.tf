locals {
  # The identifiers as the design fixes them. In the model each is followed by (?![\s\S]), "nothing after
  # this": `$` alone also matches before a trailing newline in some regular expression engines.
  patterns = {
    poll_id = "[a-z0-9-]{1,64}"
    option  = "[A-Za-z0-9_.-]{1,64}"
    voter   = "[A-Za-z0-9_.:@|+=/-]{1,128}"
  }

  # The media types of JSON. API Gateway compares a request's Content-Type with these letter by letter, and HTTP libraries
  # (OkHttp, older axios) write the charset behind it, in one of these ways. Without these entries they would always get 415.
  json_types = toset(concat(["application/json"], formatlist("application/json;%s", ["charset=utf-8", "charset=UTF-8", " charset=utf-8", " charset=UTF-8"])))

  # API Gateway's own answers cannot compute a value, so their Retry-After is the middle of the range that templates use.
  retry_after_seconds = 4

  # A browser sends a Blob without a type to another origin without asking, and API Gateway takes it as JSON. So the
  # templates refuse a request without Content-Type.
  content_type_template = file("${path.module}/templates/content_type.vtl")
  retry_after_template  = file("${path.module}/templates/retry_after.vtl")

  # Rules for every string of a body. The pattern limits the length, too; maxLength serves validators that check it first.
  string_schemas = {
    option = { type = "string", minLength = 1, maxLength = 64, pattern = "^${local.patterns.option}(?![\\s\\S])" }
    voter  = { type = "string", minLength = 1, maxLength = 128, pattern = "^${local.patterns.voter}(?![\\s\\S])" }
  }

  # A body names the option. It names the voter only if no credentials do (authorizer.tf).
  vote_schema = {
    type                 = "object"
    additionalProperties = false
    required             = local.body_names_voter ? ["option", "voter"] : ["option"]
    properties           = { for name, schema in local.string_schemas : name => schema if name != "voter" || local.body_names_voter }
  }

  shape = {
    source = [for file in setunion(fileset(path.module, "*.tf"), fileset(path.module, "templates/*.vtl")) : filesha256("${path.module}/${file}")]
    inputs = [
      var.stream_name, local.put_record_uri, aws_iam_role.this.arn, var.results_invoke_arn,
      var.voter_auth, var.user_pool_arn, var.token_scopes, var.allowed_origins, var.batch_enabled, var.client_keys_required,
    ]
  }

  put_record_uri = "arn:${data.aws_partition.current.partition}:apigateway:${data.aws_region.current.id}:kinesis:action/PutRecord"
  put_record_template = join("", [local.content_type_template, templatefile("${path.module}/templates/put_record.vtl", {
    stream_name     = var.stream_name
    poll_id_pattern = local.patterns.poll_id
    option_pattern  = local.patterns.option
    voter_pattern   = local.patterns.voter
    voter           = local.voter_expression
    other_voter     = local.other_voter_expression
  })])
  refused_template = join("", [local.content_type_template, local.retry_after_template, templatefile("${path.module}/templates/refused.vtl", {
    malformed   = local.bodies.malformed
    throttled   = local.bodies.throttled
    unavailable = local.bodies.unavailable
    unsupported = local.bodies.unsupported_media_type
  })])
}

data "aws_partition" "current" {}

data "aws_region" "current" {}

resource "aws_api_gateway_rest_api" "this" {
  name        = var.name
  description = "Takes votes and puts them into the stream, and shows how polls stand"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  # checkov:skip=CKV_AWS_237: replacing the API would give it another address; only its deployment is replaced without a gap
}

resource "aws_api_gateway_resource" "polls" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = "polls"
}

resource "aws_api_gateway_resource" "poll" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.polls.id
  path_part   = "{poll_id}"
}

resource "aws_api_gateway_resource" "votes" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.poll.id
  path_part   = "votes"
}

resource "aws_api_gateway_model" "vote" {
  rest_api_id  = aws_api_gateway_rest_api.this.id
  name         = "Vote"
  description  = "Body of POST /polls/{poll_id}/votes"
  content_type = "application/json"
  schema = jsonencode(merge(local.vote_schema, {
    "$schema" = "http://json-schema.org/draft-04/schema#"
    title     = "Vote"
  }))
}

resource "aws_api_gateway_request_validator" "this" {
  rest_api_id                 = aws_api_gateway_rest_api.this.id
  name                        = "body-and-parameters"
  validate_request_body       = true
  validate_request_parameters = true
}

resource "aws_api_gateway_method" "cast_vote" {
  count = local.takes_votes ? 1 : 0

  rest_api_id          = aws_api_gateway_rest_api.this.id
  resource_id          = aws_api_gateway_resource.votes.id
  http_method          = "POST"
  authorization        = local.authorization
  authorizer_id        = one(aws_api_gateway_authorizer.voters[*].id)
  authorization_scopes = local.authorization_scopes
  api_key_required     = var.client_keys_required
  operation_name       = "CastVote"
  request_validator_id = aws_api_gateway_request_validator.this.id
  # A model for every type that has a template: API Gateway validates no type without a model.
  request_models     = { for type in local.json_types : type => aws_api_gateway_model.vote.name }
  request_parameters = { "method.request.path.poll_id" = true }
}

resource "aws_api_gateway_integration" "put_record" {
  count = local.takes_votes ? 1 : 0

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_resource.votes.id
  http_method             = aws_api_gateway_method.cast_vote[0].http_method
  type                    = "AWS"
  integration_http_method = "POST"
  uri                     = local.put_record_uri
  credentials             = aws_iam_role.this.arn
  # Any other content type is refused with 415. Passing it through would hand the body to Kinesis as it is.
  passthrough_behavior = "NEVER"
  request_parameters   = { "integration.request.header.Content-Type" = "'application/x-amz-json-1.1'" }
  request_templates    = { for type in local.json_types : type => local.put_record_template }
  # A put takes milliseconds. After five seconds a 503 and a retry serve the voter better: the second record of the same
  # voter replaces the first.
  timeout_milliseconds = 5000

  # API Gateway calls Kinesis with this role from the first request on.
  depends_on = [aws_iam_role_policy.this]
}

# A template overrides the status to 415 and 429. They are listed here so that AWS's export of the API names them.
resource "aws_api_gateway_method_response" "cast_vote" {
  for_each = local.takes_votes ? toset(["202", "400", "415", "429", "503"]) : toset([])

  rest_api_id         = aws_api_gateway_rest_api.this.id
  resource_id         = aws_api_gateway_resource.votes.id
  http_method         = aws_api_gateway_method.cast_vote[0].http_method
  status_code         = each.value
  response_parameters = each.value == "429" ? { "method.response.header.Retry-After" = false } : {}
}

# 202 only for the one status that means "stored".
resource "aws_api_gateway_integration_response" "stored" {
  count = local.takes_votes ? 1 : 0

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.votes.id
  http_method        = aws_api_gateway_method.cast_vote[0].http_method
  status_code        = aws_api_gateway_method_response.cast_vote["202"].status_code
  selection_pattern  = "200"
  response_templates = { "application/json" = "${local.cors_template}${file("${path.module}/templates/stored.vtl")}" }

  depends_on = [aws_api_gateway_integration.put_record]
}

resource "aws_api_gateway_integration_response" "refused" {
  count = local.takes_votes ? 1 : 0

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.votes.id
  http_method        = aws_api_gateway_method.cast_vote[0].http_method
  status_code        = aws_api_gateway_method_response.cast_vote["400"].status_code
  selection_pattern  = "4\\d{2}"
  response_templates = { "application/json" = "${local.cors_template}${local.refused_template}" }

  depends_on = [aws_api_gateway_integration.put_record]
}

# Without a selection_pattern: the default, for every answer that no other pattern matches.
resource "aws_api_gateway_integration_response" "unavailable" {
  count = local.takes_votes ? 1 : 0

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.votes.id
  http_method        = aws_api_gateway_method.cast_vote[0].http_method
  status_code        = aws_api_gateway_method_response.cast_vote["503"].status_code
  response_templates = { "application/json" = "${local.cors_template}${local.bodies.unavailable}" }

  depends_on = [aws_api_gateway_integration.put_record]
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  # A deployment is a snapshot. A change that does not change this hash never reaches a voter.
  # So it covers the source of the whole module, and the inputs that are rendered into it.
  triggers = {
    shape = sha256(jsonencode(local.shape))
  }

  lifecycle {
    # Otherwise: "Active stages pointing to this deployment must be moved or deleted".
    create_before_destroy = true
  }

  # The snapshot must be taken after everything that it holds.
  depends_on = [
    aws_api_gateway_gateway_response.this,
    aws_api_gateway_integration.read,
    aws_api_gateway_integration_response.batch_refused,
    aws_api_gateway_integration_response.batch_stored,
    aws_api_gateway_integration_response.batch_unavailable,
    aws_api_gateway_integration_response.preflight,
    aws_api_gateway_integration_response.refused,
    aws_api_gateway_integration_response.stored,
    aws_api_gateway_integration_response.unavailable,
  ]
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id   = aws_api_gateway_rest_api.this.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = "v1"

  dynamic "access_log_settings" {
    for_each = aws_cloudwatch_log_group.access

    content {
      destination_arn = access_log_settings.value.arn
      # Neither body, voter nor address: logs must not tell who voted, or from where.
      format = jsonencode({
        request_id          = "$context.requestId"
        time                = "$context.requestTime"
        method              = "$context.httpMethod"
        resource            = "$context.resourcePath"
        status              = "$context.status"
        error_type          = "$context.error.responseType"
        latency_ms          = "$context.responseLatency"
        integration_latency = "$context.integration.latency"
        integration_status  = "$context.integration.status"
      })
    }
  }

  # checkov:skip=CKV_AWS_73: a trace would record who asked for what; metrics and the access log are enough
  # checkov:skip=CKV_AWS_120: results are kept by CloudFront, for as long as each answer allows; votes must not be kept at all
  # checkov:skip=CKV2_AWS_4: execution logs would write every ballot into CloudWatch
  # checkov:skip=CKV2_AWS_29: a firewall is charged by request, and stage limits hold without one
  # checkov:skip=CKV2_AWS_51: no HTTP backend stands behind this API that could ask for a certificate
}

resource "aws_api_gateway_method_settings" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    throttling_burst_limit = var.throttling_burst_limit
    throttling_rate_limit  = var.throttling_rate_limit
    # Execution logs and data trace would write every ballot into CloudWatch.
    logging_level      = "OFF"
    data_trace_enabled = false
  }

  # checkov:skip=CKV_AWS_225: results are kept by CloudFront, for as long as each answer allows; votes must not be kept at all
}

resource "aws_cloudwatch_log_group" "access" {
  count = var.access_log_enabled ? 1 : 0

  name              = "/aws/api-gateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = try(var.kms_key.arn, null)

  # checkov:skip=CKV_AWS_338: the tables hold the proof of a result; the tfvars set the retention of logs
}
