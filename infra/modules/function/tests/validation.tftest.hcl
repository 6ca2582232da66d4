# What a function may be set to, at the edges and just past them.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                  = "vote_writer"
  name_prefix           = "votestream-test"
  description           = "Does something"
  handler               = "vote_writer.handler.lambda_handler"
  architecture          = "arm64"
  artifact_directory    = "../../tests/fixtures/artifacts/arm64"
  environment_variables = { VOTESTREAM_ENVIRONMENT = "test" }
  log_retention_days    = 30
  permissions           = {}
  settings              = { memory_mb = 1024, timeout_seconds = 60 }
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    log_retention_days = 1
    settings           = { memory_mb = 128, reserved_concurrency = 1, timeout_seconds = 1 }
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    name_prefix        = "votestream-${join("", [for _ in range(41) : "x"])}"
    log_retention_days = 3653
    settings           = { memory_mb = 10240, reserved_concurrency = 1000, timeout_seconds = 900 }
  }
}

run "rejects_127_mb_of_memory" {
  command = plan

  variables {
    settings = merge(var.settings, { memory_mb = 127 })
  }

  expect_failures = [var.settings]
}

run "rejects_10241_mb_of_memory" {
  command = plan

  variables {
    settings = merge(var.settings, { memory_mb = 10241 })
  }

  expect_failures = [var.settings]
}

run "rejects_reserving_no_concurrency_at_all" {
  command = plan

  variables {
    settings = merge(var.settings, { reserved_concurrency = 0 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_log_retention_that_cloudwatch_does_not_offer" {
  command = plan

  variables {
    log_retention_days = 10
  }

  expect_failures = [var.log_retention_days]
}

run "rejects_an_unknown_architecture" {
  command = plan

  variables {
    architecture = "arm"
  }

  expect_failures = [var.architecture]
}

run "rejects_a_name_that_is_no_artifact_name" {
  command = plan

  variables {
    name = "vote-writer"
  }

  expect_failures = [var.name]
}

run "rejects_a_wildcard_action" {
  command = plan

  variables {
    permissions = { Everything = { actions = ["dynamodb:*"], resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votes"] } }
  }

  expect_failures = [var.permissions]
}

run "rejects_a_permission_about_nothing" {
  command = plan

  variables {
    permissions = { Nothing = { actions = ["dynamodb:GetItem"], resources = [] } }
  }

  expect_failures = [var.permissions]
}

run "rejects_a_timeout_of_0_seconds" {
  command = plan

  variables {
    settings = merge(var.settings, { timeout_seconds = 0 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_timeout_of_901_seconds" {
  command = plan

  variables {
    settings = merge(var.settings, { timeout_seconds = 901 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_prefix_that_makes_the_name_too_long" {
  command = plan

  variables {
    name_prefix = "votestream-${join("", [for _ in range(42) : "x"])}"
  }

  expect_failures = [var.name_prefix]
}
