# The module's defaults. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "keeps_a_day_and_encrypts_by_default" {
  command = plan

  variables {
    shard_count = 4
  }

  assert {
    condition     = aws_kinesis_stream.this.retention_period == 24
    error_message = "By default a stream keeps 24 hours, which the price includes."
  }

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == "alias/aws/kinesis"
    error_message = "By default votes are encrypted at rest."
  }
}

run "on_demand_plans_without_shards" {
  command = plan

  variables {
    mode = "ON_DEMAND"
  }

  assert {
    condition     = aws_kinesis_stream.this.shard_count == null && aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "On demand, AWS chooses the shards, so Terraform must not name a number."
  }
}

run "encryption_can_be_declined" {
  command = plan

  variables {
    shard_count        = 1
    encryption_enabled = false
  }

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "NONE" && aws_kinesis_stream.this.kms_key_id == null
    error_message = "Without encryption there must be no key either, or Kinesis refuses the stream."
  }
}
