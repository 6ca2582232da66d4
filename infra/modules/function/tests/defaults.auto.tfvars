# Used by each test in this folder, unless the test sets another value.
deployment = {
  architecture       = "arm64"
  artifact_directory = "../../tests/fixtures/artifacts/arm64"
  log_retention_days = 30
  name_prefix        = "votestream-test"
}
description           = "Does something"
environment_variables = { VOTESTREAM_ENVIRONMENT = "test" }
handler               = "vote_writer.handler.lambda_handler"
name                  = "vote_writer"
permissions           = {}
settings              = { memory_mb = 1024, timeout_seconds = 60 }
