# For every rule a value that just passes and one that just fails.
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

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    log_retention_days     = 1
    throttling_burst_limit = 1
    throttling_rate_limit  = 1
  }
}

run "accepts_the_longest_name_and_retention" {
  command = plan

  variables {
    name               = format("%060d", 0)
    log_retention_days = 3653
  }
}

run "rejects_a_name_that_makes_the_role_too_long" {
  command = plan

  variables {
    name = format("%061d", 0)
  }

  expect_failures = [var.name]
}

run "rejects_a_rate_of_0" {
  command = plan

  variables {
    throttling_rate_limit = 0
  }

  expect_failures = [var.throttling_rate_limit]
}

run "rejects_a_burst_of_0" {
  command = plan

  variables {
    throttling_burst_limit = 0
  }

  expect_failures = [var.throttling_burst_limit]
}

run "rejects_half_a_request_of_burst" {
  command = plan

  variables {
    throttling_burst_limit = 1.5
  }

  expect_failures = [var.throttling_burst_limit]
}

run "rejects_a_log_retention_that_cloudwatch_does_not_offer" {
  command = plan

  variables {
    log_retention_days = 2
  }

  expect_failures = [var.log_retention_days]
}
