# For every rule a value that just passes and one that just fails.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name      = "votestream-test"
  settings  = { requests_per_client = 1000 }
  stage_arn = "arn:aws:apigateway:eu-west-1::/restapis/abcdef1234/stages/v1"
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    settings = { requests_per_client = 10, window_seconds = 60, max_body_bytes = 512 }
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    settings = { requests_per_client = 2000000000, window_seconds = 600, max_body_bytes = 16384, forwarded_ip_header = "True-Client-IP" }
  }
}

run "rejects_9_requests" {
  command = plan

  variables {
    settings = { requests_per_client = 9 }
  }

  expect_failures = [var.settings]
}

run "rejects_a_window_that_waf_does_not_have" {
  command = plan

  variables {
    settings = { requests_per_client = 1000, window_seconds = 30 }
  }

  expect_failures = [var.settings]
}

run "rejects_a_body_shorter_than_a_vote_can_be" {
  command = plan

  variables {
    settings = { requests_per_client = 1000, max_body_bytes = 511 }
  }

  expect_failures = [var.settings]
}

run "rejects_a_body_longer_than_waf_sees" {
  command = plan

  variables {
    settings = { requests_per_client = 1000, max_body_bytes = 16385 }
  }

  expect_failures = [var.settings]
}

run "rejects_a_header_that_is_none" {
  command = plan

  variables {
    settings = { requests_per_client = 1000, forwarded_ip_header = "X Forwarded For" }
  }

  expect_failures = [var.settings]
}
