# Many votes in one request, for back ends that vouch for their voters: a request costs the same with one vote or 500.
# Always signed (AWS_IAM), whatever voter_auth says about single votes.
locals {
  # PutRecords takes 500 records, and a template's #foreach at most 1,000 items.
  batch_size = 500

  put_records_template = join("", [local.content_type_template, templatefile("${path.module}/templates/put_records.vtl", {
    batch_size      = local.batch_size
    stream_name     = var.stream_name
    poll_id_pattern = local.patterns.poll_id
    option_pattern  = local.patterns.option
    voter_pattern   = local.patterns.voter
  })])
  stored_batch_template = join("", [local.retry_after_template, templatefile("${path.module}/templates/stored_batch.vtl", {
    throttled   = local.bodies.throttled
    unavailable = local.bodies.unavailable
  })])
}

resource "aws_api_gateway_resource" "batch" {
  count = var.batch_enabled ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.votes.id
  path_part   = "batch"
}

resource "aws_api_gateway_model" "vote_batch" {
  count = var.batch_enabled ? 1 : 0

  rest_api_id  = aws_api_gateway_rest_api.this.id
  name         = "VoteBatch"
  description  = "Body of POST /polls/{poll_id}/votes/batch"
  content_type = "application/json"
  schema = jsonencode({
    "$schema"            = "http://json-schema.org/draft-04/schema#"
    title                = "VoteBatch"
    type                 = "object"
    additionalProperties = false
    required             = ["votes"]
    properties = {
      votes = {
        type     = "array"
        minItems = 1
        maxItems = local.batch_size
        items = {
          type                 = "object"
          additionalProperties = false
          required             = ["option", "voter"]
          properties           = local.string_schemas
        }
      }
    }
  })
}

resource "aws_api_gateway_method" "cast_votes" {
  count = var.batch_enabled ? 1 : 0

  rest_api_id          = aws_api_gateway_rest_api.this.id
  resource_id          = aws_api_gateway_resource.batch[0].id
  http_method          = "POST"
  authorization        = "AWS_IAM"
  api_key_required     = var.client_keys_required
  operation_name       = "CastVotes"
  request_validator_id = aws_api_gateway_request_validator.this.id
  request_models       = { for type in local.json_types : type => aws_api_gateway_model.vote_batch[0].name }
  request_parameters   = { "method.request.path.poll_id" = true }
}

resource "aws_api_gateway_integration" "put_records" {
  count = var.batch_enabled ? 1 : 0

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_resource.batch[0].id
  http_method             = aws_api_gateway_method.cast_votes[0].http_method
  type                    = "AWS"
  integration_http_method = "POST"
  uri                     = replace(local.put_record_uri, "action/PutRecord", "action/PutRecords")
  credentials             = aws_iam_role.this.arn
  passthrough_behavior    = "NEVER"
  request_parameters      = { "integration.request.header.Content-Type" = "'application/x-amz-json-1.1'" }
  request_templates       = { for type in local.json_types : type => local.put_records_template }
  timeout_milliseconds    = 10000

  depends_on = [aws_iam_role_policy.this]
}

# A template overrides the status for 207 and 429, as with single votes.
resource "aws_api_gateway_method_response" "cast_votes" {
  for_each = toset(var.batch_enabled ? ["202", "207", "400", "415", "429", "503"] : [])

  rest_api_id         = aws_api_gateway_rest_api.this.id
  resource_id         = aws_api_gateway_resource.batch[0].id
  http_method         = aws_api_gateway_method.cast_votes[0].http_method
  status_code         = each.value
  response_parameters = contains(["207", "429"], each.value) ? { "method.response.header.Retry-After" = false } : {}
}

# Kinesis answers 200 even if it has stored no record. The template checks each record, and overrides the status.
resource "aws_api_gateway_integration_response" "batch_stored" {
  count = var.batch_enabled ? 1 : 0

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.batch[0].id
  http_method        = aws_api_gateway_method.cast_votes[0].http_method
  status_code        = aws_api_gateway_method_response.cast_votes["202"].status_code
  selection_pattern  = "200"
  response_templates = { "application/json" = local.stored_batch_template }

  depends_on = [aws_api_gateway_integration.put_records]
}

resource "aws_api_gateway_integration_response" "batch_refused" {
  count = var.batch_enabled ? 1 : 0

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.batch[0].id
  http_method        = aws_api_gateway_method.cast_votes[0].http_method
  status_code        = aws_api_gateway_method_response.cast_votes["400"].status_code
  selection_pattern  = "4\\d{2}"
  response_templates = { "application/json" = local.refused_template }

  depends_on = [aws_api_gateway_integration.put_records]
}

resource "aws_api_gateway_integration_response" "batch_unavailable" {
  count = var.batch_enabled ? 1 : 0

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.batch[0].id
  http_method        = aws_api_gateway_method.cast_votes[0].http_method
  status_code        = aws_api_gateway_method_response.cast_votes["503"].status_code
  response_templates = { "application/json" = local.bodies.unavailable }

  depends_on = [aws_api_gateway_integration.put_records]
}
