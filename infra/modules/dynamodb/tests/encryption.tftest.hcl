# What a key of one's own changes. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name_prefix = "votestream-test"
  table       = "votes"
  kms_key     = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "the_table_is_encrypted_with_it" {
  command = plan

  assert {
    condition     = [for encryption in aws_dynamodb_table.this.server_side_encryption : [encryption.enabled, encryption.kms_key_arn]] == [[true, "arn:aws:kms:eu-west-1:111122223333:key/own"]]
    error_message = "The key takes the place of DynamoDB's own."
  }
}

run "without_one_dynamodb_takes_its_own" {
  command = plan

  variables {
    kms_key = null
  }

  assert {
    condition     = length(aws_dynamodb_table.this.server_side_encryption) == 0
    error_message = "DynamoDB encrypts by itself, at no cost, where nobody names a key."
  }
}
