# For every rule a value that just passes and one that just fails.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name_prefix       = "votestream-test"
  count_concurrency = 8
  function_arn      = "arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-tally"
}

run "accepts_one_invocation_at_a_time" {
  command = plan

  variables {
    count_concurrency = 1
  }
}

run "accepts_40_invocations_at_once" {
  command = plan

  variables {
    count_concurrency = 40
  }
}

run "rejects_no_invocation_at_all" {
  command = plan

  variables {
    count_concurrency = 0
  }

  expect_failures = [var.count_concurrency]
}

run "rejects_41_invocations_at_once" {
  command = plan

  variables {
    count_concurrency = 41
  }

  expect_failures = [var.count_concurrency]
}

run "rejects_half_an_invocation" {
  command = plan

  variables {
    count_concurrency = 1.5
  }

  expect_failures = [var.count_concurrency]
}

run "accepts_a_prefix_that_just_fits_a_role" {
  command = plan

  variables {
    name_prefix = "votestream-${join("", [for _ in range(41) : "x"])}"
  }
}

run "rejects_a_prefix_that_is_too_long_for_a_role" {
  command = plan

  variables {
    name_prefix = "votestream-${join("", [for _ in range(42) : "x"])}"
  }

  expect_failures = [var.name_prefix]
}
