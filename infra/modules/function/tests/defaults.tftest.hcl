# The properties of every function. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "names_carry_project_environment_and_function" {
  command = plan

  assert {
    condition     = [aws_lambda_function.this.function_name, aws_iam_role.this.name, aws_cloudwatch_log_group.this.name] == ["votestream-test-vote-writer", "votestream-test-vote-writer", "/aws/lambda/votestream-test-vote-writer"]
    error_message = "Every name must carry project, environment and function, so that an account can hold several."
  }

  assert {
    condition     = one(aws_lambda_function.this.logging_config).log_group == "/aws/lambda/votestream-test-vote-writer"
    error_message = "The function must log into the group with the retention, which must exist before the function."
  }
}

run "nothing_is_reserved_unless_asked_for" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "Without reserved_concurrency the function shares the account's concurrency."
  }
}

run "requested_concurrency_is_reserved" {
  command = plan

  variables {
    settings = merge(var.settings, { reserved_concurrency = 40 })
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 40 && output.reserved_concurrency == 40
    error_message = "reserved_concurrency holds a function back."
  }
}

# A function is planned only with the artifact that make package built for it.

run "deploys_when_the_artifacts_code_has_changed" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.source_code_hash == jsondecode(file("../../tests/fixtures/artifacts/arm64/manifest.json")).functions.vote_writer.code_sha256_base64
    error_message = "The code hash must be the manifest's: then Terraform deploys changed code, and never the same code twice."
  }

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.runtime == "python3.13"
    error_message = "The function's architecture must be the artifact's."
  }
}

run "accepts_the_other_architecture_with_its_artifact" {
  command = plan

  variables {
    architecture       = "x86_64"
    artifact_directory = "../../tests/fixtures/artifacts/x86_64"
  }
}

run "refuses_to_plan_without_an_artifact" {
  command = plan

  variables {
    artifact_directory = "../../tests/fixtures/artifacts/nowhere"
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_an_artifact_of_another_architecture" {
  command = plan

  variables {
    artifact_directory = "../../tests/fixtures/artifacts/x86_64"
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_an_artifact_left_from_another_build" {
  command = plan

  variables {
    artifact_directory = "../../tests/fixtures/artifacts/stale"
  }

  expect_failures = [aws_lambda_function.this]
}

# Settings at their limits, and just past them.

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

run "rejects_a_name_with_a_capital_or_hyphen" {
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

run "rejects_a_permission_without_resources" {
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
