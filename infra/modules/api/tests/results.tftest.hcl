# Viewers' routes, the one function behind them, and their limits.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_api_gateway_resource.poll
  override_during = plan
  values          = { id = "poll", path = "/polls/{poll_id}" }
}

override_resource {
  target          = aws_api_gateway_resource.results
  override_during = plan
  values          = { id = "results", path = "/polls/{poll_id}/results" }
}

override_resource {
  target          = aws_api_gateway_resource.receipt
  override_during = plan
  values          = { id = "receipt", path = "/polls/{poll_id}/votes/me" }
}

run "every_read_is_answered_by_the_function_on_its_own_path" {
  command = plan

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
}

run "the_api_may_call_the_function_for_reads_and_for_nothing_else" {
  command = plan

  override_resource {
    target          = aws_api_gateway_rest_api.this
    override_during = plan
    values          = { execution_arn = "arn:aws:execute-api:eu-west-1:111122223333:abcdef1234" }
  }

  assert {
    condition     = [aws_lambda_permission.read.principal, aws_lambda_permission.read.source_arn, aws_lambda_permission.read.function_name] == ["apigateway.amazonaws.com", "arn:aws:execute-api:eu-west-1:111122223333:abcdef1234/*/GET/polls/*", "votestream-test-results-api"]
    error_message = "Only this API, only by GET, only below /polls."
  }
}

run "viewers_have_limits_of_their_own" {
  command = plan

  assert {
    condition = { for name, settings in aws_api_gateway_method_settings.read : name => [settings.method_path, tostring(one(settings.settings).throttling_rate_limit), tostring(one(settings.settings).throttling_burst_limit)] } == {
      poll    = ["~1polls~1{poll_id}/GET", "1000", "500"]
      results = ["~1polls~1{poll_id}~1results/GET", "1000", "500"]
      receipt = ["~1polls~1{poll_id}~1votes~1me/GET", "1000", "500"]
    }
    error_message = "Viewers must not use up the account's requests, which votes need."
  }

  assert {
    condition     = alltrue([for settings in aws_api_gateway_method_settings.read : one(settings.settings).logging_level == "OFF" && !one(settings.settings).data_trace_enabled])
    error_message = "The query of a receipt names a voter: it must not be logged."
  }
}

run "rejects_a_rate_of_0_reads" {
  command = plan

  variables {
    results_throttling_rate_limit = 0
  }

  expect_failures = [var.results_throttling_rate_limit]
}

run "accepts_a_single_read_at_a_time" {
  command = plan

  variables {
    results_throttling_burst_limit = 1
    results_throttling_rate_limit  = 1
  }
}

run "rejects_half_a_read_of_burst" {
  command = plan

  variables {
    results_throttling_burst_limit = 1.5
  }

  expect_failures = [var.results_throttling_burst_limit]
}
