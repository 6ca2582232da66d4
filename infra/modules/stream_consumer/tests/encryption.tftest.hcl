# With a customer managed key. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  key_uses = { dynamodb = ["kms:Decrypt"] }
  kms_key  = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "failed_batches_are_encrypted_with_the_key" {
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
    error_message = "The consumer needs its own uses of the key, and its function's."
  }
}

run "without_a_key_s3_uses_its_own" {
  command = plan

  variables {
    kms_key = null
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.failures.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Batches must always be encrypted."
  }
}
