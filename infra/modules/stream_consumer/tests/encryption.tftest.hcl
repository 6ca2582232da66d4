# What a key of one's own changes. Nothing is created: the provider is mocked.
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
  key_uses               = { dynamodb = ["kms:Decrypt"] }
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
  kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "batches_that_were_given_up_are_encrypted_with_it" {
  command = plan

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.failures.rule).apply_server_side_encryption_by_default) == { sse_algorithm = "aws:kms", kms_master_key_id = "arn:aws:kms:eu-west-1:111122223333:key/own" }
    error_message = "The key takes the place of S3's own."
  }
}

run "a_consumer_may_read_encrypted_records_and_write_encrypted_batches" {
  command = plan

  assert {
    condition = { for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Condition.StringEquals["kms:ViaService"] => statement.Action if startswith(statement.Sid, "UseKey") } == {
      "dynamodb.eu-west-1.amazonaws.com" = ["kms:Decrypt"]
      "kinesis.eu-west-1.amazonaws.com"  = ["kms:Decrypt"]
      "s3.eu-west-1.amazonaws.com"       = ["kms:GenerateDataKey"]
    }
    error_message = "What it does by itself, and what its function was given."
  }
}

run "without_one_s3_takes_its_own" {
  command = plan

  variables {
    kms_key = null
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.failures.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Batches are encrypted in any case."
  }
}
