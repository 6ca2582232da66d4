# The cheap doors: an HTTP API or a function URL in front of the function that puts votes into the stream.
#
# A change of the door is one apply. Without create_before_destroy Terraform would delete the old door first.
#
# Both call the alias "live". An alias keeps the function URL's address when a new version is published, and
# provisioned concurrency belongs to an alias.
locals {
  is_http = var.kind == "http"
  is_url  = var.kind == "url"
  signs   = var.voter_auth == "iam"

  # These doors match whole origins. A check of the root module says that a page on any port can't vote through them.
  origins = [for origin in var.allowed_origins : origin if !endswith(origin, ":*")]

  votes_url = trimsuffix(local.is_http ? one(aws_apigatewayv2_stage.this[*].invoke_url) : one(aws_lambda_function_url.this[*].function_url), "/")
}

data "aws_region" "current" {}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The version that the door calls"
  function_name    = var.function.name
  function_version = var.function.version

  lifecycle {
    precondition {
      condition     = var.kind != "url" || !var.batch_enabled || local.signs
      error_message = "api.batch_enabled needs voter_auth.mode = \"iam\" with api.vote_door = \"url\": a function URL has one kind of authorization, and batches must be signed. Choose api.vote_door = \"http\" or \"rest\", or leave batches out."
    }

    precondition {
      condition     = length(var.clients) == 0
      error_message = "api.clients has keys for ${join(", ", var.clients)}, and api.vote_door = \"${var.kind}\" knows no keys: only a REST API does. Choose api.vote_door = \"rest\", or remove api.clients."
    }

    precondition {
      condition     = !var.firewall_enabled
      error_message = "firewall is set, and a firewall cannot stand before api.vote_door = \"${var.kind}\": only before a REST API. Choose api.vote_door = \"rest\", or remove firewall."
    }
  }
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  count = var.provisioned_concurrency == null ? 0 : 1

  function_name                     = aws_lambda_alias.live.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = var.provisioned_concurrency

  lifecycle {
    create_before_destroy = true
  }
}
