# The properties of every consumer. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan

  override_resource {
    target = aws_s3_bucket.failures
    values = { arn = "arn:aws:s3:::the-failure-bucket", id = "the-failure-bucket" }
  }

  override_resource {
    target = module.function.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/votestream-test-vote-writer" }
  }
}

run "a_consumer_reads_from_the_oldest_record_and_may_do_its_work_only" {
  command = plan

  variables {
    permissions = {
      StoreVotes = { actions = ["dynamodb:PartiQLInsert"], resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"] }
    }
  }

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

  assert {
    condition     = one(aws_lambda_event_source_mapping.this.metrics_config).metrics == toset(["EventCount"])
    error_message = "The mapping must publish its event counts: alarms watch its polls and the records that it gives up."
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
    error_message = "Batches of votes are private: every kind of public access is blocked."
  }

  assert {
    condition     = one(one(aws_s3_bucket_lifecycle_configuration.failures[*].rule)[0].expiration).days == 30
    error_message = "Votes do not stay in the failure bucket longer than failure_retention_days."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.failures.policy).Statement == [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = ["arn:aws:s3:::the-failure-bucket", "arn:aws:s3:::the-failure-bucket/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "Votes are read and written over TLS only, by every caller."
  }

  assert {
    condition = { for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Sid => jsonencode([statement.Effect, statement.Action, statement.Resource]) } == {
      ReadStream        = jsonencode(["Allow", ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"], ["arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"]])
      WriteLog          = jsonencode(["Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/votestream-test-vote-writer:*"]])
      FindFailureBucket = jsonencode(["Allow", ["s3:ListBucket"], ["arn:aws:s3:::the-failure-bucket"]])
      KeepFailedBatches = jsonencode(["Allow", ["s3:PutObject"], ["arn:aws:s3:::the-failure-bucket/*"]])
      StoreVotes        = jsonencode(["Allow", ["dynamodb:PartiQLInsert"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]])
    }
    error_message = "A consumer may read the stream, write its log and its failure bucket, and use the given permissions: no more."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.failures.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Batches must always be encrypted."
  }
}

run "with_a_key_and_without_deletion_protection" {
  command = plan

  variables {
    deployment                  = merge(var.deployment, { kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" } })
    deletion_protection_enabled = false
    failure_retention_days      = 0
    key_uses                    = { dynamodb = ["kms:Decrypt"] }
    # The most records without a window, and an age of exactly the retention.
    settings = merge(var.settings, { batch_size = 10, batching_window_seconds = 0, maximum_record_age_seconds = 86400 })
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.failures.rule).apply_server_side_encryption_by_default) == { sse_algorithm = "aws:kms", kms_master_key_id = "arn:aws:kms:eu-west-1:111122223333:key/own" }
    error_message = "Failed batches must be encrypted with the key."
  }

  assert {
    condition = { for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Condition.StringEquals["kms:ViaService"] => statement.Action if startswith(statement.Sid, "UseKey") } == {
      "dynamodb.eu-west-1.amazonaws.com" = ["kms:Decrypt"]
      "kinesis.eu-west-1.amazonaws.com"  = ["kms:Decrypt"]
      "s3.eu-west-1.amazonaws.com"       = ["kms:GenerateDataKey"]
    }
    error_message = "The consumer needs its own uses of the key, and its function's."
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
  variables { settings = merge(var.settings, { enhanced_fan_out = true }) }

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

# The settings that the published sample describes reach the mapping unchanged.

run "the_writer_of_the_sample_keeps_the_factor_of_every_counted_poll" {
  command = plan

  variables {
    settings   = merge(var.settings, { batch_size = 25, maximum_retry_attempts = 3, parallelization_factor = 10, reserved_concurrency = 40 })
    held_lanes = { finale = 10, encore = 10 }
  }

  assert {
    condition = jsonencode([for mapping in [aws_lambda_event_source_mapping.this] : [
      mapping.batch_size, mapping.maximum_batching_window_in_seconds, mapping.parallelization_factor, mapping.maximum_record_age_in_seconds,
      mapping.maximum_retry_attempts, mapping.bisect_batch_on_function_error, module.function.reserved_concurrency,
    ]]) == jsonencode([[25, 1, 10, 43200, 3, true, 40]])
    error_message = "The sample's fast writer can be set: its batches, its lanes, its retries, and a limit on its concurrency."
  }
}

run "rejects_another_factor_while_a_poll_is_counted" {
  command = plan
  variables { held_lanes = { finale = 1, encore = 2 } }
  expect_failures = [aws_lambda_event_source_mapping.this]
}

# For every rule: a value that just passes, and one that just fails.

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    deployment             = merge(var.deployment, { log_retention_days = 1 })
    failure_retention_days = 0
    stream_retention_hours = 24
    settings               = merge(var.settings, { batch_size = 1, batching_window_seconds = 0, maximum_record_age_seconds = 60, maximum_retry_attempts = 0, memory_mb = 128, reserved_concurrency = 1, timeout_seconds = 15 })
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    deployment             = merge(var.deployment, { log_retention_days = 3653, name_prefix = "votestream-twelve-more-123456" })
    failure_retention_days = 3650
    stream_retention_hours = 168
    settings               = merge(var.settings, { batch_size = 10000, batching_window_seconds = 300, maximum_record_age_seconds = 604800, maximum_retry_attempts = 10000, memory_mb = 10240, parallelization_factor = 10, reserved_concurrency = 1000, timeout_seconds = 900 })
  }
}

run "rejects_a_batch_of_0_records_and_a_prefix_that_no_bucket_may_have" {
  command = plan

  variables {
    deployment = merge(var.deployment, { name_prefix = "Votestream-test" })
    settings   = merge(var.settings, { batch_size = 0 })
  }

  expect_failures = [var.deployment, var.settings]
}

run "rejects_a_batch_of_10001_records_and_a_prefix_that_makes_the_bucket_name_too_long" {
  command = plan

  variables {
    deployment = merge(var.deployment, { name_prefix = "votestream-twelve-more-1234567" })
    settings   = merge(var.settings, { batch_size = 10001 })
  }

  expect_failures = [var.deployment, var.settings]
}

run "rejects_a_batch_of_2_and_a_half_records" {
  command = plan
  variables { settings = merge(var.settings, { batch_size = 2.5 }) }
  expect_failures = [var.settings]
}

run "rejects_a_negative_window" {
  command = plan
  variables { settings = merge(var.settings, { batch_size = 1, batching_window_seconds = -1 }) }
  expect_failures = [var.settings]
}

run "rejects_a_window_of_301_seconds" {
  command = plan
  variables { settings = merge(var.settings, { batching_window_seconds = 301 }) }
  expect_failures = [var.settings]
}

run "rejects_a_window_of_half_a_second" {
  command = plan
  variables { settings = merge(var.settings, { batch_size = 1, batching_window_seconds = 0.5 }) }
  expect_failures = [var.settings]
}

run "rejects_11_records_without_a_window" {
  command = plan
  variables { settings = merge(var.settings, { batch_size = 11, batching_window_seconds = 0 }) }
  expect_failures = [var.settings]
}

run "rejects_a_parallelization_factor_of_0" {
  command = plan
  variables { settings = merge(var.settings, { parallelization_factor = 0 }) }
  expect_failures = [var.settings]
}

run "rejects_a_parallelization_factor_of_11" {
  command = plan
  variables { settings = merge(var.settings, { parallelization_factor = 11 }) }
  expect_failures = [var.settings]
}

run "rejects_an_age_of_59_seconds" {
  command = plan
  variables { settings = merge(var.settings, { maximum_record_age_seconds = 59 }) }
  expect_failures = [var.settings]
}

run "rejects_an_age_of_minus_2" {
  command = plan
  variables { settings = merge(var.settings, { maximum_record_age_seconds = -2 }) }
  expect_failures = [var.settings]
}

run "rejects_more_than_10000_retries" {
  command = plan
  variables { settings = merge(var.settings, { maximum_retry_attempts = 10001 }) }
  expect_failures = [var.settings]
}

run "rejects_minus_2_retries" {
  command = plan
  variables { settings = merge(var.settings, { maximum_retry_attempts = -2 }) }
  expect_failures = [var.settings]
}

run "rejects_a_timeout_of_14_seconds" {
  command = plan
  variables { settings = merge(var.settings, { timeout_seconds = 14 }) }
  expect_failures = [var.settings]
}

run "rejects_a_timeout_of_901_seconds" {
  command = plan
  variables { settings = merge(var.settings, { timeout_seconds = 901 }) }
  expect_failures = [var.settings]
}

run "rejects_an_age_of_more_than_7_days" {
  command = plan

  variables {
    stream_retention_hours = 8760
    settings               = merge(var.settings, { maximum_record_age_seconds = 604801 })
  }

  expect_failures = [var.settings]
}

run "rejects_an_age_longer_than_the_streams_retention" {
  command = plan
  variables { settings = merge(var.settings, { maximum_record_age_seconds = 86401 }) }
  expect_failures = [var.settings]
}

run "rejects_parallel_batches_where_order_is_required" {
  command = plan

  variables {
    order_required = true
    settings       = merge(var.settings, { maximum_record_age_seconds = -1, parallelization_factor = 2 })
  }

  expect_failures = [var.settings]
}

run "rejects_giving_up_by_age_where_order_is_required" {
  command = plan

  variables {
    order_required = true
    settings       = merge(var.settings, { maximum_record_age_seconds = 3600 })
  }

  expect_failures = [var.settings]
}

run "rejects_giving_up_by_retries_where_order_is_required" {
  command = plan

  variables {
    order_required = true
    settings       = merge(var.settings, { maximum_record_age_seconds = -1, maximum_retry_attempts = 10 })
  }

  expect_failures = [var.settings]
}
