# With a customer managed key. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  access_log_enabled = true
  kms_key            = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "the_api_may_encrypt_records_through_kinesis_only" {
  command = plan

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement if statement.Sid == "UseKeyThroughKinesis"] == [{
      Sid       = "UseKeyThroughKinesis"
      Effect    = "Allow"
      Action    = "kms:GenerateDataKey"
      Resource  = "arn:aws:kms:eu-west-1:111122223333:key/own"
      Condition = { StringEquals = { "kms:ViaService" = "kinesis.eu-west-1.amazonaws.com" } }
    }]
    error_message = "The role may encrypt its records only, and only through Kinesis."
  }

  assert {
    condition     = one(aws_cloudwatch_log_group.access).kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "The access log is encrypted with it, too."
  }
}
