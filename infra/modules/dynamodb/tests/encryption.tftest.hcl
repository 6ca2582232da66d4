# With a customer managed key. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  table   = "votes"
  kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "the_table_is_encrypted_with_the_key" {
  command = plan

  assert {
    condition     = [for encryption in aws_dynamodb_table.this.server_side_encryption : [encryption.enabled, encryption.kms_key_arn]] == [[true, "arn:aws:kms:eu-west-1:111122223333:key/own"]]
    error_message = "The key takes the place of DynamoDB's own."
  }
}

run "without_a_key_dynamodb_uses_its_own" {
  command = plan

  variables {
    kms_key = null
  }

  assert {
    condition     = length(aws_dynamodb_table.this.server_side_encryption) == 0
    error_message = "Without a key, DynamoDB encrypts by itself, at no cost."
  }
}
