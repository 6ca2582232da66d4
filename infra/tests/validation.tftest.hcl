# For every rule of the root a value that just passes and one that just fails. What one setting may be is tested
# in the module that hands it to AWS.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment        = "test"
  aws_region         = "eu-west-1"
  artifact_directory = "tests/fixtures/artifacts/arm64"
  stream             = { shard_count = 4 }
  api                = { throttling_rate_limit = 4000 }
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    project                = "v"
    environment            = "e"
    failure_retention_days = 0
    log_retention_days     = 1
    poll_cache_seconds     = 1
    vote_retention_days    = 0
    vote_writer            = { write_concurrency = 1 }
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    environment            = "stage-eu-west1"
    failure_retention_days = 3650
    log_level              = "CRITICAL"
    log_retention_days     = 3653
    poll_cache_seconds     = 300
    vote_retention_days    = 3650
    vote_writer            = { write_concurrency = 64 }
  }
}

run "rejects_a_name_of_26_characters" {
  command = plan

  variables {
    environment = "stage-eu-west12"
  }

  expect_failures = [var.environment]
}

run "rejects_an_environment_that_no_bucket_may_carry" {
  command = plan

  variables {
    environment = "Test"
  }

  expect_failures = [var.environment]
}

run "rejects_a_project_with_two_hyphens_in_a_row" {
  command = plan

  variables {
    project = "vote--stream"
  }

  expect_failures = [var.project]
}

run "rejects_a_project_that_parameter_store_reserves" {
  command = plan

  variables {
    project = "aws-votes"
  }

  expect_failures = [var.project]
}

run "rejects_a_region_that_is_none" {
  command = plan

  variables {
    aws_region = "frankfurt"
  }

  expect_failures = [var.aws_region]
}

run "rejects_an_unknown_architecture" {
  command = plan

  variables {
    lambda_architecture = "amd64"
  }

  expect_failures = [var.lambda_architecture]
}

run "rejects_an_unknown_log_level" {
  command = plan

  variables {
    log_level = "info"
  }

  expect_failures = [var.log_level]
}

run "rejects_a_log_retention_that_cloudwatch_does_not_offer" {
  command = plan

  variables {
    log_retention_days = 31
  }

  expect_failures = [var.log_retention_days]
}

run "rejects_a_negative_failure_retention" {
  command = plan

  variables {
    failure_retention_days = -1
  }

  expect_failures = [var.failure_retention_days]
}

run "rejects_no_poll_cache" {
  command = plan

  variables {
    poll_cache_seconds = 0
  }

  expect_failures = [var.poll_cache_seconds]
}

run "rejects_a_poll_cache_of_301_seconds" {
  command = plan

  variables {
    poll_cache_seconds = 301
  }

  expect_failures = [var.poll_cache_seconds]
}

run "rejects_a_negative_vote_retention" {
  command = plan

  variables {
    vote_retention_days = -1
  }

  expect_failures = [var.vote_retention_days]
}

run "rejects_a_vote_retention_of_3651_days" {
  command = plan

  variables {
    vote_retention_days = 3651
  }

  expect_failures = [var.vote_retention_days]
}

run "rejects_no_write_concurrency" {
  command = plan

  variables {
    vote_writer = { write_concurrency = 0 }
  }

  expect_failures = [var.vote_writer]
}

run "rejects_a_write_concurrency_of_65" {
  command = plan

  variables {
    vote_writer = { write_concurrency = 65 }
  }

  expect_failures = [var.vote_writer]
}
