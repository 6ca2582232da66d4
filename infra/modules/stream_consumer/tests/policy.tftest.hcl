# The permissions of a consumer, and access to its failure bucket.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
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
    error_message = "Each statement must name its one resource."
  }

  assert {
    condition = { for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Sid => statement.Action } == {
      ReadStream        = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      WriteLog          = ["logs:CreateLogStream", "logs:PutLogEvents"]
      FindFailureBucket = ["s3:ListBucket"]
      KeepFailedBatches = ["s3:PutObject"]
      StoreVotes        = ["dynamodb:PartiQLInsert"]
    }
    error_message = "A consumer may read the stream, write its log and its failure bucket, and use the given permissions: no more."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(module.function.execution_policy_json).Statement : statement.Effect == "Allow" && !contains(flatten([statement.Resource]), "*")])
    error_message = "No statement may cover all resources."
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
