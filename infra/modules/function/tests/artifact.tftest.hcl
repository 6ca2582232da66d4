# A function is planned only with the artifact that make package built for it.
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

run "deploys_when_the_artifacts_code_has_changed" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.source_code_hash == jsondecode(file("../../tests/fixtures/artifacts/arm64/manifest.json")).functions.vote_writer.code_sha256_base64
    error_message = "The code hash is the manifest's, so the same code is never deployed twice, whoever built it, and other code always is."
  }

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.runtime == "python3.13"
    error_message = "The function runs what the artifact was built for."
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
