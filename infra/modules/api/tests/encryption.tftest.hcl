# What a key of one's own changes. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                           = "votestream-test"
  access_log_enabled             = true
  log_retention_days             = 30
  results_function_name          = "votestream-test-results-api"
  results_invoke_arn             = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-results-api/invocations"
  results_throttling_burst_limit = 500
  results_throttling_rate_limit  = 1000
  stream_arn                     = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"
  stream_name                    = "votestream-test-votes"
  throttling_burst_limit         = 5000
  throttling_rate_limit          = 10000
  voter_auth                     = "none"
  kms_key                        = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "votes_can_be_put_into_a_stream_that_is_encrypted_with_it" {
  command = plan

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement if statement.Sid == "UseKeyThroughKinesis"] == [{
      Sid       = "UseKeyThroughKinesis"
      Effect    = "Allow"
      Action    = "kms:GenerateDataKey"
      Resource  = "arn:aws:kms:eu-west-1:111122223333:key/own"
      Condition = { StringEquals = { "kms:ViaService" = "kinesis.eu-west-1.amazonaws.com" } }
    }]
    error_message = "Only to encrypt what it puts, and only through Kinesis."
  }

  assert {
    condition     = one(aws_cloudwatch_log_group.access).kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "The access log is encrypted with it, too."
  }
}
