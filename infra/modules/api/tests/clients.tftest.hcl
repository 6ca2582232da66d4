# Known clients: keys, and limits of their own.
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

run "without_clients_no_vote_needs_a_key" {
  command = plan

  assert {
    condition     = !aws_api_gateway_method.cast_vote.api_key_required && length(aws_api_gateway_usage_plan.client) == 0
    error_message = "Keys are for those who want them."
  }
}

run "new_clients_get_keys_before_votes_need_them" {
  command = plan

  variables {
    clients = { app = { throttling_rate_limit = 5000, throttling_burst_limit = 2500 } }
  }

  assert {
    condition     = !aws_api_gateway_method.cast_vote.api_key_required && keys(output.api_key_ids) == ["app"]
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
    condition     = aws_api_gateway_method.cast_vote.api_key_required && one(aws_api_gateway_method.cast_votes[*].api_key_required)
    error_message = "Every vote needs a key then, in a batch or not."
  }

  assert {
    condition     = alltrue([for method in aws_api_gateway_method.read : method.api_key_required != true])
    error_message = "Viewers need none."
  }

  assert {
    condition = { for name, plan in aws_api_gateway_usage_plan.client : name => [one(plan.throttle_settings).rate_limit, one(plan.throttle_settings).burst_limit, one([for quota in plan.quota_settings : "${quota.limit} a ${quota.period}"])] } == {
      app     = [5000, 2500, null]
      website = [1, 1, "1 a DAY"]
    }
    error_message = "One client can't use up another's."
  }

  assert {
    condition     = keys(output.api_key_ids) == ["app", "website"]
    error_message = "An operator finds each key."
  }
}

run "rejects_a_client_that_may_do_nothing" {
  command = plan

  variables {
    clients = { app = { throttling_rate_limit = 0, throttling_burst_limit = 1 } }
  }

  expect_failures = [var.clients]
}

run "rejects_half_a_request_a_day" {
  command = plan

  variables {
    clients = { app = { throttling_rate_limit = 1, throttling_burst_limit = 1, requests_per_day = 0.5 } }
  }

  expect_failures = [var.clients]
}

run "rejects_required_keys_without_clients" {
  command = plan

  variables {
    client_keys_required = true
  }

  expect_failures = [var.client_keys_required]
}

run "accepts_the_most_clients_with_the_longest_names" {
  command = plan

  variables {
    clients = { for number in range(40) : format("client-with-a-very-long-name-%03d", number) => { throttling_rate_limit = 1, throttling_burst_limit = 1 } }
  }
}

run "rejects_more_clients_than_the_parameter_holds" {
  command = plan

  variables {
    clients = { for number in range(41) : "client-${number}" => { throttling_rate_limit = 1, throttling_burst_limit = 1 } }
  }

  expect_failures = [var.clients]
}

run "rejects_a_client_name_of_33_characters" {
  command = plan

  variables {
    clients = { client-with-a-name-that-is-too-long = { throttling_rate_limit = 1, throttling_burst_limit = 1 } }
  }

  expect_failures = [var.clients]
}

run "rejects_a_name_that_no_key_should_have" {
  command = plan

  variables {
    clients = { "The App" = { throttling_rate_limit = 1, throttling_burst_limit = 1 } }
  }

  expect_failures = [var.clients]
}
