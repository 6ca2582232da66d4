# The settings that the published sample describes, and our own defaults, reach the mapping unchanged.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                   = "vote_writer"
  name_prefix            = "votestream-test"
  handler                = "vote_writer.handler.lambda_handler"
  architecture           = "arm64"
  artifact_directory     = "../../tests/fixtures/artifacts/arm64"
  environment_variables  = { VOTESTREAM_ENVIRONMENT = "test" }
  failure_retention_days = 30
  log_retention_days     = 30
  permissions            = {}
  stream_arn             = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"
  stream_retention_hours = 24
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
}

run "writes_in_batches_of_10_without_waiting" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 10, batching_window_seconds = 0 })
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 10 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 0
    error_message = "The sample's careful writer, batches of 10, can be set."
  }
}

run "writes_in_batches_of_25" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 25, maximum_retry_attempts = 3, parallelization_factor = 10, reserved_concurrency = 40 })
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 25 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 1
    error_message = "The sample's fast writer, batches of 25, can be set."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.parallelization_factor == 10 && module.function.reserved_concurrency == 40
    error_message = "The writer's speed is a matter of settings: parallelization_factor up, reserved_concurrency to hold it back."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.maximum_record_age_in_seconds == 43200 && aws_lambda_event_source_mapping.this.maximum_retry_attempts == 3 && aws_lambda_event_source_mapping.this.bisect_batch_on_function_error
    error_message = "The writer may give up after an age and a number of retries, and halves a failing batch."
  }
}

run "counts_every_2_seconds" {
  command = plan

  variables {
    name           = "vote_aggregator"
    order_required = true
    settings       = merge(var.settings, { batch_size = 10000, batching_window_seconds = 2, bisect_batch_on_function_error = false, maximum_record_age_seconds = -1 })
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 10000 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 2
    error_message = "The sample's aggregator, 10,000 records or 2 seconds, can be set."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.maximum_record_age_in_seconds == -1 && aws_lambda_event_source_mapping.this.maximum_retry_attempts == -1
    error_message = "A consumer that needs order never gives up before the stream forgets."
  }
}

run "counts_every_5_seconds" {
  command = plan

  variables {
    name           = "vote_aggregator"
    order_required = true
    settings       = merge(var.settings, { batch_size = 10000, batching_window_seconds = 5, bisect_batch_on_function_error = false, maximum_record_age_seconds = -1 })
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 10000 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 5
    error_message = "The sample's aggregator with a third of the writes, 10,000 records or 5 seconds, can be set."
  }
}
