# What every function gets, whatever it does. Nothing is created: the provider is mocked.
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

run "names_carry_project_environment_and_function" {
  command = plan

  assert {
    condition     = [aws_lambda_function.this.function_name, aws_iam_role.this.name, aws_cloudwatch_log_group.this.name] == ["votestream-test-vote-writer", "votestream-test-vote-writer", "/aws/lambda/votestream-test-vote-writer"]
    error_message = "Two environments and several functions fit in one account only if every name tells them apart."
  }

  assert {
    condition     = one(aws_lambda_function.this.logging_config).log_group == "/aws/lambda/votestream-test-vote-writer"
    error_message = "The function must log into the group that has a retention, which must exist before the function."
  }
}

run "nothing_is_reserved_unless_asked_for" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "Without reserved_concurrency the function shares the account's concurrency."
  }
}

run "what_is_asked_for_is_reserved" {
  command = plan

  variables {
    settings = merge(var.settings, { reserved_concurrency = 40 })
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 40 && output.reserved_concurrency == 40
    error_message = "reserved_concurrency holds a function back."
  }
}
