# With a customer managed key. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  shard_count = 4
  kms_key     = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "records_are_encrypted_with_the_key" {
  command = plan

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "The key takes the place of Kinesis' own."
  }
}
