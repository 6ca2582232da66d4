# What a consumer may do, and who may touch what it gave up.
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

override_resource {
  target          = aws_s3_bucket.failures
  override_during = plan
  values          = { arn = "arn:aws:s3:::the-failure-bucket", id = "the-failure-bucket" }
}

override_resource {
  target          = module.function.aws_cloudwatch_log_group.this
  override_during = plan
  values          = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/votestream-test-vote-writer" }
}

run "role_may_do_its_work_and_nothing_else" {
  command = plan

  variables {
    permissions = {
      StoreVotes = { actions = ["dynamodb:PartiQLInsert"], resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"] }
    }
  }

  assert {
    condition = { for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Sid => statement.Resource } == {
      ReadStream        = ["arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"]
      WriteLog          = ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/votestream-test-vote-writer:*"]
      FindFailureBucket = ["arn:aws:s3:::the-failure-bucket"]
      KeepFailedBatches = ["arn:aws:s3:::the-failure-bucket/*"]
      StoreVotes        = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]
    }
    error_message = "Each statement names the one resource that it is about."
  }

  assert {
    condition = { for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Sid => statement.Action } == {
      ReadStream        = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      WriteLog          = ["logs:CreateLogStream", "logs:PutLogEvents"]
      FindFailureBucket = ["s3:ListBucket"]
      KeepFailedBatches = ["s3:PutObject"]
      StoreVotes        = ["dynamodb:PartiQLInsert"]
    }
    error_message = "Reading the stream, its own log, its own failure bucket and what it was given: no more."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Effect == "Allow" && !contains(flatten([statement.Resource]), "*")])
    error_message = "No statement may be about every resource."
  }
}

run "failure_bucket_refuses_plain_http" {
  command = plan

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
}
