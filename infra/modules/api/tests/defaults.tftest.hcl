# The way of a vote through the front door. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                           = "votestream-test"
  log_retention_days             = 30
  results_function_name          = "votestream-test-results-api"
  results_invoke_arn             = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-results-api/invocations"
  results_throttling_burst_limit = 500
  results_throttling_rate_limit  = 1000
  stream_arn                     = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"
  stream_name                    = "votestream-test-votes"
  throttling_burst_limit         = 5000
  throttling_rate_limit          = 10000
  voter_auth                     = "none"
}

run "a_vote_goes_straight_into_the_stream" {
  command = plan

  assert {
    condition     = aws_api_gateway_integration.put_record.type == "AWS" && aws_api_gateway_integration.put_record.uri == "arn:aws:apigateway:eu-west-1:kinesis:action/PutRecord"
    error_message = "API Gateway itself calls PutRecord: no function stands between a voter and the stream."
  }

  assert {
    condition     = [aws_api_gateway_resource.polls.path_part, aws_api_gateway_resource.poll.path_part, aws_api_gateway_resource.votes.path_part, aws_api_gateway_method.cast_vote.http_method] == ["polls", "{poll_id}", "votes", "POST"]
    error_message = "Votes are posted to /polls/{poll_id}/votes."
  }
}

run "only_json_reaches_the_template" {
  command = plan

  assert {
    condition     = aws_api_gateway_integration.put_record.passthrough_behavior == "NEVER" && alltrue([for type in keys(aws_api_gateway_integration.put_record.request_templates) : can(regex("^application/json(; ?charset=(utf-8|UTF-8))?$", type))])
    error_message = "A body of another type must be refused with 415: passed through, it would be the PutRecord request itself."
  }

  assert {
    condition     = length(aws_api_gateway_integration.put_record.request_templates) == 5 && length(distinct(values(aws_api_gateway_integration.put_record.request_templates))) == 1
    error_message = "JSON is JSON, with and without its charset, however that is written."
  }

  assert {
    condition     = keys(aws_api_gateway_integration.put_record.request_templates) == keys(aws_api_gateway_method.cast_vote.request_models)
    error_message = "No type may reach the template without the model's check: API Gateway validates nothing of a type that has no model."
  }
}

run "the_body_is_checked_before_the_template_parses_it" {
  command = plan

  assert {
    condition     = aws_api_gateway_request_validator.this.validate_request_body && aws_api_gateway_request_validator.this.validate_request_parameters
    error_message = "Body and path parameter are both validated."
  }

  assert {
    condition     = jsondecode(aws_api_gateway_model.vote.schema).required == ["option", "voter"] && !jsondecode(aws_api_gateway_model.vote.schema).additionalProperties
    error_message = "A vote is an option and a voter, both, and nothing else."
  }

  assert {
    condition = { for name, property in jsondecode(aws_api_gateway_model.vote.schema).properties : name => [property.type, property.maxLength, property.pattern] } == {
      option = ["string", 64, "^[A-Za-z0-9_.-]{1,64}(?![\\s\\S])"]
      voter  = ["string", 128, "^[A-Za-z0-9_.:@|+=/-]{1,128}(?![\\s\\S])"]
    }
    error_message = "Option and voter are bounded strings of the design's characters, up to their very end."
  }
}

run "the_record_is_built_from_checked_and_escaped_values" {
  command = plan

  assert {
    condition     = strcontains(local.put_record_template, "#if($content_type != '' && $other_voter == '' && $poll_id.matches('[a-z0-9-]{1,64}') && $option.matches('[A-Za-z0-9_.-]{1,64}') && $voter.matches('[A-Za-z0-9_.:@|+=/-]{1,128}'))")
    error_message = "The template checks poll, option and voter once more: the model sees no path and trusts a validator's idea of '$'."
  }

  assert {
    condition     = strcontains(local.put_record_template, "\"PartitionKey\": \"$util.escapeJavaScript($voter)\"")
    error_message = "The partition key is the voter, escaped, or one voter's votes would lose their order."
  }

  assert {
    condition     = !strcontains(replace(local.put_record_template, "$util.parseJson($input.body)", ""), "$input.body")
    error_message = "The body is parsed and never copied."
  }

  assert {
    condition     = strcontains(local.put_record_template, "#else\n{\"StreamName\": \"votestream-test-votes\"}\n#end")
    error_message = "What fails the check becomes a request without a record, which Kinesis refuses."
  }
}

run "only_the_streams_200_is_202_and_everything_unknown_is_503" {
  command = plan

  assert {
    condition     = [aws_api_gateway_integration_response.stored.status_code, aws_api_gateway_integration_response.stored.selection_pattern] == ["202", "200"]
    error_message = "Only the stream's own 200, which means stored, becomes 202."
  }

  assert {
    condition     = [aws_api_gateway_integration_response.refused.status_code, aws_api_gateway_integration_response.refused.selection_pattern] == ["400", "4\\d{2}"]
    error_message = "What the stream refuses goes to the template that tells throttling from bad requests."
  }

  assert {
    condition     = aws_api_gateway_integration_response.unavailable.status_code == "503" && aws_api_gateway_integration_response.unavailable.selection_pattern == null
    error_message = "The answer without a pattern catches everything that nobody thought of: it must be 503."
  }

  assert {
    condition     = strcontains(aws_api_gateway_integration_response.stored.response_templates["application/json"], "{\"receipt\": {\"shard\": \"$stored.ShardId\", \"sequence\": \"$stored.SequenceNumber\"}}")
    error_message = "The receipt names shard and sequence number."
  }
}

run "a_throttled_put_is_429_and_ours_to_mend_is_503" {
  command = plan

  assert {
    condition     = alltrue([for type in ["ThroughputExceeded", "LimitExceeded", "Throttling"] : strcontains(split("#elseif", local.refused_template)[0], "$type.contains('${type}')")])
    error_message = "Throttling by shard, by quota and by KMS are the voter's to repeat."
  }

  assert {
    condition     = strcontains(split("#elseif", local.refused_template)[0], "responseOverride.status = 429") && strcontains(split("#elseif", local.refused_template)[0], "responseOverride.header.Retry-After = $retry_after")
    error_message = "A throttled vote gets 429 and is told when to come back."
  }

  assert {
    condition     = strcontains(split("#else\n", local.refused_template)[1], "responseOverride.status = 503")
    error_message = "A missing permission, stream or key is not the voter's fault."
  }
}

run "every_answer_has_a_code_and_says_what_to_do" {
  command = plan

  assert {
    condition = { for type, response in aws_api_gateway_gateway_response.this : type => response.status_code } == {
      ACCESS_DENIED                = "403"
      API_CONFIGURATION_ERROR      = "503"
      BAD_REQUEST_BODY             = "400"
      BAD_REQUEST_PARAMETERS       = "400"
      DEFAULT_5XX                  = "503"
      EXPIRED_TOKEN                = "403"
      INTEGRATION_FAILURE          = "503"
      INTEGRATION_TIMEOUT          = "503"
      INVALID_API_KEY              = "403"
      INVALID_SIGNATURE            = "403"
      MISSING_AUTHENTICATION_TOKEN = "404"
      QUOTA_EXCEEDED               = "429"
      REQUEST_TOO_LARGE            = "413"
      RESOURCE_NOT_FOUND           = "404"
      THROTTLED                    = "429"
      UNAUTHORIZED                 = "401"
      UNSUPPORTED_MEDIA_TYPE       = "415"
      WAF_FILTERED                 = "403"
    }
    error_message = "Each of API Gateway's own refusals has the status that the design promises."
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.this : keys(jsondecode(response.response_templates["application/json"])) == ["error", "message"]])
    error_message = "Every refusal has the same shape: error and message."
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.this : !strcontains(response.response_templates["application/json"], "$context")])
    error_message = "Refusals are fixed texts: API Gateway's explanations quote the request, and with it the ballot."
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.this : try(response.response_parameters["gatewayresponse.header.Retry-After"], null) == (response.status_code == "429" ? "'4'" : null)])
    error_message = "429 says when to come back, and only 429 does."
  }
}

run "ballots_are_not_logged" {
  command = plan

  assert {
    condition     = one(aws_api_gateway_method_settings.this.settings).logging_level == "OFF" && !one(aws_api_gateway_method_settings.this.settings).data_trace_enabled
    error_message = "Execution logs and data trace would write every ballot into CloudWatch."
  }

  assert {
    condition     = length(aws_api_gateway_stage.this.access_log_settings) == 0 && length(aws_cloudwatch_log_group.access) == 0
    error_message = "No access log unless asked for: it needs a role that belongs to the account, not to this environment."
  }
}

run "the_access_log_tells_nothing_about_a_voter" {
  command = plan

  variables {
    access_log_enabled = true
  }

  assert {
    condition     = sort(values(jsondecode(one(aws_api_gateway_stage.this.access_log_settings).format))) == sort(["$context.requestId", "$context.requestTime", "$context.httpMethod", "$context.resourcePath", "$context.status", "$context.error.responseType", "$context.responseLatency", "$context.integration.latency", "$context.integration.status"])
    error_message = "Neither body, voter nor address is logged."
  }

  assert {
    condition     = one(aws_cloudwatch_log_group.access[*].retention_in_days) == 30
    error_message = "The access log has a retention."
  }
}

run "limits_cover_every_path" {
  command = plan

  assert {
    condition     = aws_api_gateway_method_settings.this.method_path == "*/*" && one(aws_api_gateway_method_settings.this.settings).metrics_enabled
    error_message = "Throttling and metrics are for every method, the ones to come included."
  }

  assert {
    condition     = one(aws_api_gateway_method_settings.this.settings).throttling_rate_limit == 10000 && one(aws_api_gateway_method_settings.this.settings).throttling_burst_limit == 5000
    error_message = "Rate and burst must not be swapped."
  }
}
