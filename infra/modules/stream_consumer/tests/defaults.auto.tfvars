# Used by each test in this folder, unless the test sets another value.
deployment = {
  architecture       = "arm64"
  artifact_directory = "../../tests/fixtures/artifacts/arm64"
  log_retention_days = 30
  name_prefix        = "votestream-test"
}
environment_variables  = { VOTESTREAM_ENVIRONMENT = "test" }
failure_retention_days = 30
handler                = "vote_writer.handler.lambda_handler"
name                   = "vote_writer"
permissions            = {}
settings = {
  batch_size                     = 500
  batching_window_seconds        = 1
  bisect_batch_on_function_error = true
  enhanced_fan_out               = false
  maximum_record_age_seconds     = 43200
  maximum_retry_attempts         = -1
  memory_mb                      = 1024
  parallelization_factor         = 1
  timeout_seconds                = 60
}
stream_arn             = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"
stream_retention_hours = 24
