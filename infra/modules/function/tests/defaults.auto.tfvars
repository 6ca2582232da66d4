# Used by each test in this folder, unless the test sets another value.
architecture          = "arm64"
artifact_directory    = "../../tests/fixtures/artifacts/arm64"
description           = "Does something"
environment_variables = { VOTESTREAM_ENVIRONMENT = "test" }
handler               = "vote_writer.handler.lambda_handler"
log_retention_days    = 30
name                  = "vote_writer"
name_prefix           = "votestream-test"
permissions           = {}
settings              = { memory_mb = 1024, timeout_seconds = 60 }
