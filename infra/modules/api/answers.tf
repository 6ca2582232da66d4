locals {
  # Every refusal has the same shape: a code for programs, and a sentence for people that says what to do.
  # All texts are fixed. API Gateway's own explanations quote the request, and with it the ballot.
  refusals = {
    malformed = {
      status = "400"
      message = join(" ", compact([
        local.body_names_voter
        ? "Send a JSON object with exactly two strings: option (1-64 of A-Z a-z 0-9 _ . -) and voter (1-128 of A-Z a-z 0-9 _ . : @ | + = / -), to a poll_id of 1-64 of a-z 0-9 -."
        : "Send a JSON object with exactly one string: option (1-64 of A-Z a-z 0-9 _ . -), to a poll_id of 1-64 of a-z 0-9 -. The voter comes from your credentials: leave voter out.",
        var.batch_enabled
        ? "A batch is {\"votes\": [...]} with 1-${local.batch_size} objects of exactly option and voter (1-128 of A-Z a-z 0-9 _ . : @ | + = / -), each voter once; a refused batch stores nothing."
        : "",
      ]))
    }
    unauthorized = {
      status  = "401"
      message = "Sign in and send it again with your credentials."
    }
    forbidden = {
      status  = "403"
      message = "These credentials may not do this. Renew them, or ask the people who run this poll."
    }
    not_found = {
      status = "404"
      # API Gateway has one answer for a path that does not exist and for a request without a signature.
      message = join(" ", compact([
        local.takes_votes
        ? "There is nothing under this method and path. Votes go to POST /polls/{poll_id}/votes, results come from GET /polls/{poll_id}/results."
        : "There is nothing under this method and path. Results come from GET /polls/{poll_id}/results. Votes go to another address: the deployment's votes_url.",
        length(local.vouched_calls) > 0 ? "Calls for back ends also get this answer if they are not signed (AWS Signature Version 4, service execute-api)." : "",
      ]))
    }
    too_large = {
      status  = "413"
      message = "The request is too large. Send only option and voter."
    }
    unsupported_media_type = {
      status  = "415"
      message = "Send it as JSON, with the header Content-Type: application/json."
    }
    throttled = {
      status  = "429"
      message = "Too many requests at this moment; this vote is not stored. Send it again after the seconds in Retry-After."
    }
    unavailable = {
      status  = "503"
      message = "This could not be confirmed. Send it again: of several votes of one voter the last one counts."
    }
  }

  bodies = { for code, refusal in local.refusals : code => jsonencode({ error = code, message = refusal.message }) }

  # Answers that API Gateway gives before or instead of the integration: every 4xx type that it knows
  # by name, and DEFAULT_5XX for failures on our side.
  gateway_responses = {
    ACCESS_DENIED           = "forbidden"
    API_CONFIGURATION_ERROR = "unavailable"
    BAD_REQUEST_BODY        = "malformed"
    BAD_REQUEST_PARAMETERS  = "malformed"
    DEFAULT_5XX             = "unavailable"
    EXPIRED_TOKEN           = "forbidden"
    INTEGRATION_FAILURE     = "unavailable"
    INTEGRATION_TIMEOUT     = "unavailable"
    INVALID_API_KEY         = "forbidden"
    INVALID_SIGNATURE       = "forbidden"
    # API Gateway's name for a path or a method that does not exist.
    MISSING_AUTHENTICATION_TOKEN = "not_found"
    QUOTA_EXCEEDED               = "throttled"
    REQUEST_TOO_LARGE            = "too_large"
    RESOURCE_NOT_FOUND           = "not_found"
    THROTTLED                    = "throttled"
    UNAUTHORIZED                 = "unauthorized"
    UNSUPPORTED_MEDIA_TYPE       = "unsupported_media_type"
    WAF_FILTERED                 = "forbidden"
  }
}

resource "aws_api_gateway_gateway_response" "this" {
  for_each = local.gateway_responses

  rest_api_id        = aws_api_gateway_rest_api.this.id
  response_type      = each.key
  status_code        = local.refusals[each.value].status
  response_templates = { "application/json" = local.bodies[each.value] }
  response_parameters = merge(
    local.refusal_cors,
    each.value == "throttled" ? { "gatewayresponse.header.Retry-After" = "'${local.retry_after_seconds}'" } : {},
  )
}
