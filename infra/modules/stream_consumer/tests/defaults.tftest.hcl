# What every consumer gets, whatever its settings are. Nothing is created: the provider is mocked.
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

run "reads_from_the_oldest_record_and_reports_partial_failures" {
  command = plan

  assert {
    condition     = aws_lambda_event_source_mapping.this.starting_position == "TRIM_HORIZON"
    error_message = "LATEST would skip the votes that arrive while the mapping is being created."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "One failed record must not make Lambda deliver the whole batch again."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.event_source_arn == var.stream_arn
    error_message = "Without enhanced fan-out the mapping reads the stream itself."
  }
}

run "the_mapping_counts_what_alarms_watch" {
  command = plan

  assert {
    condition     = one(aws_lambda_event_source_mapping.this.metrics_config).metrics == toset(["EventCount"])
    error_message = "That it polls, and what it gives up on, only the mapping knows; without this it does not say."
  }
}

run "what_is_given_up_goes_to_its_own_bucket" {
  command = plan

  override_resource {
    target          = aws_s3_bucket.failures
    override_during = plan
    values          = { arn = "arn:aws:s3:::the-failure-bucket" }
  }

  assert {
    condition     = one(one(aws_lambda_event_source_mapping.this.destination_config).on_failure).destination_arn == "arn:aws:s3:::the-failure-bucket"
    error_message = "Lambda must put the batches it gives up on into the consumer's own bucket."
  }

  assert {
    condition     = aws_s3_bucket.failures.bucket == "votestream-test-vote-writer-failures-111122223333"
    error_message = "Bucket names are global: this one carries project, environment, consumer and account."
  }

  assert {
    condition     = !aws_s3_bucket.failures.force_destroy
    error_message = "With deletion protection on, a destroy must not delete votes that wait to be redriven."
  }

  assert {
    condition     = alltrue([aws_s3_bucket_public_access_block.failures.block_public_acls, aws_s3_bucket_public_access_block.failures.block_public_policy, aws_s3_bucket_public_access_block.failures.ignore_public_acls, aws_s3_bucket_public_access_block.failures.restrict_public_buckets])
    error_message = "Batches of votes are nobody's to read: every kind of public access is blocked."
  }

  assert {
    condition     = one(one(aws_s3_bucket_lifecycle_configuration.failures[*].rule)[0].expiration).days == 30
    error_message = "Votes do not stay in the failure bucket longer than failure_retention_days."
  }
}

run "without_deletion_protection_the_bucket_goes_with_its_batches" {
  command = plan

  variables {
    deletion_protection_enabled = false
    failure_retention_days      = 0
  }

  assert {
    condition     = aws_s3_bucket.failures.force_destroy
    error_message = "An environment without deletion protection must be destroyable in one go."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.failures) == 0
    error_message = "failure_retention_days = 0 means for ever: no rule."
  }
}

run "enhanced_fan_out_reads_through_a_consumer_of_its_own" {
  command = plan

  variables {
    settings = merge(var.settings, { enhanced_fan_out = true })
  }

  override_resource {
    target          = aws_kinesis_stream_consumer.this
    override_during = plan
    values          = { arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes/consumer/votestream-test-vote-writer:1" }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.event_source_arn == "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes/consumer/votestream-test-vote-writer:1"
    error_message = "With enhanced fan-out the mapping must read its registered consumer, not the shared stream."
  }

  assert {
    condition = one(one([
      for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Resource if statement.Sid == "SubscribeToShards"
    ])) == "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes/consumer/votestream-test-vote-writer:1"
    error_message = "The role may subscribe as that consumer and as no other."
  }
}
