# Defaults, encryption and limits. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  shard_count = 4
}

run "keeps_a_day_and_encrypts_by_default" {
  command = plan

  assert {
    condition     = aws_kinesis_stream.this.retention_period == 24
    error_message = "By default a stream keeps 24 hours, which the price includes."
  }

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == "alias/aws/kinesis"
    error_message = "By default votes are encrypted at rest."
  }
}

run "on_demand_plans_without_shards_and_with_a_key" {
  command = plan

  variables {
    mode        = "ON_DEMAND"
    shard_count = null
    kms_key     = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
  }

  assert {
    condition     = aws_kinesis_stream.this.shard_count == null && aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "On demand, AWS chooses the shards, so Terraform must not name a number."
  }

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "Records must be encrypted with the key."
  }
}

run "encryption_can_be_declined" {
  command = plan
  variables { encryption_enabled = false }

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "NONE" && aws_kinesis_stream.this.kms_key_id == null
    error_message = "Without encryption there must be no key either, or Kinesis refuses the stream."
  }
}

# For every rule: a value that just passes, and one that just fails.

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    retention_hours     = 24
    shard_count         = 1
    shard_level_metrics = []
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    name            = format("%0128d", 0)
    retention_hours = 8760
    shard_count     = 10000
    shard_level_metrics = [
      "IncomingBytes", "IncomingRecords", "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords",
      "ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded",
    ]
  }
}

run "rejects_too_short_a_retention_and_0_shards" {
  command = plan

  variables {
    retention_hours = 23
    shard_count     = 0
  }

  expect_failures = [var.retention_hours, var.shard_count]
}

run "rejects_too_long_a_name_or_retention_and_10001_shards" {
  command = plan

  variables {
    name            = format("%0129d", 0)
    retention_hours = 8761
    shard_count     = 10001
  }

  expect_failures = [var.name, var.retention_hours, var.shard_count]
}

run "rejects_an_unknown_mode_and_metric" {
  command = plan

  variables {
    mode                = "ON-DEMAND"
    shard_level_metrics = ["IncomingRecords", "IncomingVotes"]
  }

  expect_failures = [var.mode, var.shard_level_metrics]
}

run "rejects_a_provisioned_stream_without_shards" {
  command = plan
  variables { shard_count = null }
  expect_failures = [var.shard_count]
}

run "rejects_shard_count_with_on_demand" {
  command = plan

  variables {
    mode        = "ON_DEMAND"
    shard_count = 4
  }

  expect_failures = [var.shard_count]
}

run "rejects_half_a_shard" {
  command = plan
  variables { shard_count = 1.5 }
  expect_failures = [var.shard_count]
}
