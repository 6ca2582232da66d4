# The way of a vote through the front door, and of the reads beside it. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan

  override_resource {
    target = aws_api_gateway_resource.poll
    values = { id = "poll", path = "/polls/{poll_id}" }
  }

  override_resource {
    target = aws_api_gateway_resource.results
    values = { id = "results", path = "/polls/{poll_id}/results" }
  }

  override_resource {
    target = aws_api_gateway_resource.receipt
    values = { id = "receipt", path = "/polls/{poll_id}/votes/me" }
  }
}

run "a_vote_goes_straight_into_the_stream_and_nothing_is_logged_opened_or_handed_out" {
  command = plan

  assert {
    condition     = aws_api_gateway_integration.put_record[0].type == "AWS" && aws_api_gateway_integration.put_record[0].uri == "arn:aws:apigateway:eu-west-1:kinesis:action/PutRecord"
    error_message = "API Gateway itself calls PutRecord: no function stands between a voter and the stream."
  }

  assert {
    condition     = [aws_api_gateway_resource.polls.path_part, aws_api_gateway_resource.poll.path_part, aws_api_gateway_resource.votes.path_part, aws_api_gateway_method.cast_vote[0].http_method] == ["polls", "{poll_id}", "votes", "POST"]
    error_message = "Votes are posted to /polls/{poll_id}/votes."
  }

  assert {
    condition     = aws_api_gateway_integration.put_record[0].passthrough_behavior == "NEVER" && alltrue([for type in keys(aws_api_gateway_integration.put_record[0].request_templates) : can(regex("^application/json(; ?charset=(utf-8|UTF-8))?$", type))])
    error_message = "A body of another type must be refused with 415: passed through, it would be the PutRecord request itself."
  }

  assert {
    condition     = length(aws_api_gateway_integration.put_record[0].request_templates) == 5 && length(distinct(values(aws_api_gateway_integration.put_record[0].request_templates))) == 1
    error_message = "Every spelling of JSON's media type must be accepted, with and without charset."
  }

  assert {
    condition     = keys(aws_api_gateway_integration.put_record[0].request_templates) == keys(aws_api_gateway_method.cast_vote[0].request_models)
    error_message = "No type may reach the template without the model's check: API Gateway validates nothing of a type that has no model."
  }

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
    error_message = "Option and voter are bounded strings of the design's characters, without a trailing newline."
  }

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
    error_message = "An invalid vote becomes a request without a record, which Kinesis refuses."
  }

  assert {
    condition     = aws_api_gateway_method.cast_vote[0].authorization == "NONE" && length(aws_api_gateway_authorizer.voters) == 0 && length(aws_iam_policy.back_end) == 0
    error_message = "Mode none needs no credentials."
  }

  assert {
    condition     = strcontains(local.put_record_template, "#set($voter = $vote.voter)\n") && strcontains(local.put_record_template, "#set($other_voter = '')\n")
    error_message = "The voter is the body's, unquoted, so that nothing but a string passes the check."
  }

  assert {
    condition     = [aws_api_gateway_integration_response.stored[0].status_code, aws_api_gateway_integration_response.stored[0].selection_pattern] == ["202", "200"]
    error_message = "Only the stream's own 200, which means stored, becomes 202."
  }

  assert {
    condition     = [aws_api_gateway_integration_response.refused[0].status_code, aws_api_gateway_integration_response.refused[0].selection_pattern] == ["400", "4\\d{2}"]
    error_message = "A template must distinguish the stream's throttling from bad requests."
  }

  assert {
    condition     = aws_api_gateway_integration_response.unavailable[0].status_code == "503" && aws_api_gateway_integration_response.unavailable[0].selection_pattern == null
    error_message = "The answer without a pattern is for unknown answers: it must be 503."
  }

  assert {
    condition     = strcontains(aws_api_gateway_integration_response.stored[0].response_templates["application/json"], "{\"receipt\": {\"shard\": \"$stored.ShardId\", \"sequence\": \"$stored.SequenceNumber\"}}")
    error_message = "The receipt names shard and sequence number."
  }

  assert {
    condition     = alltrue([for type in ["ThroughputExceeded", "LimitExceeded", "Throttling"] : strcontains(split("#elseif", local.refused_template)[0], "$type.contains('${type}')")])
    error_message = "Throttling by shard, by quota and by KMS must ask the voter to retry."
  }

  assert {
    condition     = strcontains(split("#elseif", local.refused_template)[0], "responseOverride.status = 429") && strcontains(split("#elseif", local.refused_template)[0], "responseOverride.header.Retry-After = $retry_after")
    error_message = "A throttled vote gets 429 with Retry-After."
  }

  assert {
    condition     = strcontains(split("#else\n", local.refused_template)[1], "responseOverride.status = 503")
    error_message = "A missing permission, stream or key is not the voter's fault."
  }

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
    error_message = "429 has Retry-After, and no other status has."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy).Statement == [{
      Sid      = "PutVotes"
      Effect   = "Allow"
      Action   = ["kinesis:PutRecord"]
      Resource = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"
    }]
    error_message = "The front door writes one stream, one record at a time, and reads nothing."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role.this.assume_role_policy).Statement : [statement.Principal.Service, statement.Condition]] == [["apigateway.amazonaws.com", { StringEqualsIfExists = { "aws:SourceAccount" = "111122223333" } }]]
    error_message = "API Gateway alone may assume the role. If it sends the source account, it must be this account."
  }

  assert {
    condition     = length(aws_api_gateway_resource.batch) + length(aws_api_gateway_method.cast_votes) + length(aws_api_gateway_integration.put_records) == 0 && length(aws_iam_policy.back_end) == 0
    error_message = "Batches must be off by default."
  }

  assert {
    condition     = length(aws_api_gateway_stage.this.access_log_settings) == 0 && length(aws_cloudwatch_log_group.access) == 0
    error_message = "No access log unless asked for: it needs a role that belongs to the account, not to this environment."
  }

  assert {
    condition     = aws_api_gateway_method_settings.this.method_path == "*/*" && one(aws_api_gateway_method_settings.this.settings).metrics_enabled
    error_message = "Throttling and metrics must cover every method, future ones included."
  }

  assert {
    condition     = one(aws_api_gateway_method_settings.this.settings).throttling_rate_limit == 10000 && one(aws_api_gateway_method_settings.this.settings).throttling_burst_limit == 5000
    error_message = "Rate and burst must not be swapped."
  }

  assert {
    condition     = !aws_api_gateway_method.cast_vote[0].api_key_required && length(aws_api_gateway_usage_plan.client) == 0
    error_message = "There must be no keys unless the tfvars name clients."
  }

  assert {
    condition     = length(aws_api_gateway_method.preflight) == 0 && local.cors_template == "" && length(local.refusal_cors) == 0
    error_message = "Without origins there must be no CORS."
  }

  assert {
    condition     = output.invoke_url == "https://abcdef1234.execute-api.eu-west-1.amazonaws.com/v1" && length(aws_api_gateway_domain_name.this) == 0 && output.domain_target == null
    error_message = "A domain is optional."
  }

  assert {
    condition     = { for name, method in aws_api_gateway_method.read : name => [method.http_method, method.resource_id, method.operation_name] } == { poll = ["GET", "poll", "GetPoll"], results = ["GET", "results", "GetResults"], receipt = ["GET", "receipt", "CheckReceipt"] }
    error_message = "Polls, results and receipts are read by GET, each under its own path."
  }

  assert {
    condition     = [aws_api_gateway_resource.results.path_part, aws_api_gateway_resource.receipt.path_part] == ["results", "me"]
    error_message = "Results are at /polls/{poll_id}/results, receipts at /polls/{poll_id}/votes/me."
  }

  assert {
    condition     = alltrue([for name, integration in aws_api_gateway_integration.read : [integration.type, integration.uri, integration.integration_http_method, integration.resource_id] == ["AWS_PROXY", var.results_invoke_arn, "POST", name]])
    error_message = "Lambda accepts only POST, even for a viewer's GET."
  }

  assert {
    condition     = [aws_lambda_permission.read.principal, aws_lambda_permission.read.source_arn, aws_lambda_permission.read.function_name] == ["apigateway.amazonaws.com", "arn:aws:execute-api:eu-west-1:111122223333:abcdef1234/*/GET/polls/*", "votestream-test-results-api"]
    error_message = "Only this API may call the function, only by GET and below /polls."
  }

  assert {
    condition = { for name, settings in aws_api_gateway_method_settings.read : name => [settings.method_path, tostring(one(settings.settings).throttling_rate_limit), tostring(one(settings.settings).throttling_burst_limit)] } == {
      poll    = ["~1polls~1{poll_id}/GET", "1000", "500"]
      results = ["~1polls~1{poll_id}~1results/GET", "1000", "500"]
      receipt = ["~1polls~1{poll_id}~1votes~1me/GET", "1000", "500"]
    }
    error_message = "Viewers must not use up the account's requests, which votes need."
  }

  assert {
    condition     = alltrue([for settings in concat([aws_api_gateway_method_settings.this], values(aws_api_gateway_method_settings.read)) : one(settings.settings).logging_level == "OFF" && !one(settings.settings).data_trace_enabled])
    error_message = "Execution logs and data trace would write every ballot into CloudWatch, and the query of a receipt, which names a voter."
  }
}

run "the_access_log_tells_nothing_about_a_voter_and_is_encrypted_with_the_key" {
  command = plan

  variables {
    access_log_enabled = true
    clients            = { app = { throttling_rate_limit = 5000, throttling_burst_limit = 2500 } }
    kms_key            = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
  }

  assert {
    condition     = sort(values(jsondecode(one(aws_api_gateway_stage.this.access_log_settings).format))) == sort(["$context.requestId", "$context.requestTime", "$context.httpMethod", "$context.resourcePath", "$context.status", "$context.error.responseType", "$context.responseLatency", "$context.integration.latency", "$context.integration.status"])
    error_message = "Body, voter and address must not be logged."
  }

  assert {
    condition     = one(aws_cloudwatch_log_group.access[*].retention_in_days) == 30
    error_message = "The access log has a retention."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement if statement.Sid == "UseKeyThroughKinesis"] == [{
      Sid       = "UseKeyThroughKinesis"
      Effect    = "Allow"
      Action    = "kms:GenerateDataKey"
      Resource  = "arn:aws:kms:eu-west-1:111122223333:key/own"
      Condition = { StringEquals = { "kms:ViaService" = "kinesis.eu-west-1.amazonaws.com" } }
    }]
    error_message = "The role may encrypt its records only, and only through Kinesis."
  }

  assert {
    condition     = one(aws_cloudwatch_log_group.access).kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "The access log is encrypted with it, too."
  }

  assert {
    condition     = !aws_api_gateway_method.cast_vote[0].api_key_required && keys(output.api_key_ids) == ["app"]
    error_message = "Keys must exist before the first vote needs one."
  }
}

run "each_client_has_a_key_and_its_own_limits" {
  command = plan

  variables {
    client_keys_required = true
    batch_enabled        = true
    clients = {
      app     = { throttling_rate_limit = 5000, throttling_burst_limit = 2500 }
      website = { throttling_rate_limit = 1, throttling_burst_limit = 1, requests_per_day = 1 }
    }
  }

  assert {
    condition     = aws_api_gateway_method.cast_vote[0].api_key_required && one(aws_api_gateway_method.cast_votes[*].api_key_required)
    error_message = "Every vote needs a key then, in a batch or not."
  }

  assert {
    condition     = alltrue([for method in aws_api_gateway_method.read : method.api_key_required != true])
    error_message = "Viewers need no key."
  }

  assert {
    condition = { for name, plan in aws_api_gateway_usage_plan.client : name => [one(plan.throttle_settings).rate_limit, one(plan.throttle_settings).burst_limit, one([for quota in plan.quota_settings : "${quota.limit} a ${quota.period}"])] } == {
      app     = [5000, 2500, null]
      website = [1, 1, "1 a DAY"]
    }
    error_message = "One client must not use up another's limits."
  }

  assert {
    condition     = keys(output.api_key_ids) == ["app", "website"]
    error_message = "An operator must find each key in the outputs."
  }
}

# For every rule: a value that just passes, and one that just fails.

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    log_retention_days             = 1
    throttling_burst_limit         = 1
    throttling_rate_limit          = 1
    results_throttling_burst_limit = 1
    results_throttling_rate_limit  = 1
  }
}

run "accepts_the_longest_names_the_longest_retention_and_the_most_clients" {
  command = plan

  variables {
    name               = format("%060d", 0)
    log_retention_days = 3653
    clients            = { for number in range(40) : format("client-with-a-very-long-name-%03d", number) => { throttling_rate_limit = 1, throttling_burst_limit = 1 } }
  }
}

# A wrong value for several variables at once. A variable with several rules is in several of these runs.

run "rejects_limits_of_0_every_origin_and_an_unknown_mode" {
  command = plan

  variables {
    allowed_origins                = ["*"]
    client_keys_required           = true # without clients
    domain                         = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234", name = "votes.example.org/v1" }
    name                           = format("%061d", 0)
    results_throttling_burst_limit = 0
    results_throttling_rate_limit  = 0
    throttling_burst_limit         = 0
    throttling_rate_limit          = 0
    voter_auth                     = "jwt"
  }

  expect_failures = [
    var.allowed_origins, var.client_keys_required, var.domain, var.name, var.results_throttling_burst_limit,
    var.results_throttling_rate_limit, var.throttling_burst_limit, var.throttling_rate_limit, var.voter_auth,
  ]
}

run "rejects_a_client_that_may_do_nothing_every_port_of_a_host_on_the_internet_and_signing_in_without_a_pool" {
  command = plan

  variables {
    allowed_origins                = ["http://vote.example.org:*"]
    clients                        = { app = { throttling_rate_limit = 0, throttling_burst_limit = 1 } }
    domain                         = { certificate_arn = "arn:aws:iam::111122223333:server-certificate/votes", name = "votes.example.org" } # not in ACM
    results_throttling_burst_limit = 1.5
    throttling_burst_limit         = 1.5
    voter_auth                     = "cognito"
  }

  expect_failures = [
    var.allowed_origins, var.clients, var.domain, var.results_throttling_burst_limit, var.throttling_burst_limit,
    var.user_pool_arn,
  ]
}

run "rejects_half_a_request_a_day_a_path_in_an_origin_or_zone_and_a_pool_or_scopes_without_tokens" {
  command = plan

  variables {
    allowed_origins = ["https://vote.example.org/"]
    clients         = { app = { throttling_rate_limit = 1, throttling_burst_limit = 1, requests_per_day = 0.5 } }
    domain          = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234", name = "votes.example.org", zone_id = "/hostedzone/Z1" }
    token_scopes    = ["votes/cast"]
    user_pool_arn   = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"
    voter_auth      = "iam"
  }

  expect_failures = [var.allowed_origins, var.clients, var.domain, var.token_scopes, var.user_pool_arn]
}

run "rejects_more_clients_than_the_parameter_holds_and_an_origin_that_would_end_its_string_in_the_template" {
  command = plan

  variables {
    allowed_origins = ["https://vote.example.org', 'https://evil.example"]
    clients         = { for number in range(41) : "client-${number}" => { throttling_rate_limit = 1, throttling_burst_limit = 1 } }
  }

  expect_failures = [var.allowed_origins, var.clients]
}

run "rejects_a_client_name_of_33_characters" {
  command = plan
  variables { clients = { client-with-a-name-that-is-too-long = { throttling_rate_limit = 1, throttling_burst_limit = 1 } } }
  expect_failures = [var.clients]
}

run "rejects_a_name_that_no_key_should_have" {
  command = plan
  variables { clients = { "The App" = { throttling_rate_limit = 1, throttling_burst_limit = 1 } } }
  expect_failures = [var.clients]
}
