# What a key of one's own changes. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                  = "vote_writer"
  name_prefix           = "votestream-test"
  description           = "Does something"
  handler               = "vote_writer.handler.lambda_handler"
  architecture          = "arm64"
  artifact_directory    = "../../tests/fixtures/artifacts/arm64"
  environment_variables = { VOTESTREAM_ENVIRONMENT = "test" }
  log_retention_days    = 30
  permissions           = {}
  settings              = { memory_mb = 1024, timeout_seconds = 60 }
  key_uses              = { dynamodb = ["kms:Decrypt"], kinesis = ["kms:GenerateDataKey"] }
  kms_key               = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "the_log_is_encrypted_with_it" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "The key takes the place of CloudWatch's own."
  }
}

run "the_role_may_use_it_through_the_named_services_only" {
  command = plan

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid => jsonencode(statement) if startswith(statement.Sid, "UseKey") } == {
      UseKeyThroughDynamodb = jsonencode({
        Sid       = "UseKeyThroughDynamodb"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = ["arn:aws:kms:eu-west-1:111122223333:key/own"]
        Condition = { StringEquals = { "kms:ViaService" = "dynamodb.eu-west-1.amazonaws.com" } }
      })
      UseKeyThroughKinesis = jsonencode({
        Sid       = "UseKeyThroughKinesis"
        Effect    = "Allow"
        Action    = ["kms:GenerateDataKey"]
        Resource  = ["arn:aws:kms:eu-west-1:111122223333:key/own"]
        Condition = { StringEquals = { "kms:ViaService" = "kinesis.eu-west-1.amazonaws.com" } }
      })
    }
    error_message = "Never directly, and for no other key."
  }
}

run "without_one_there_is_nothing_to_use" {
  command = plan

  variables {
    kms_key = null
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this.policy, "kms:") && aws_cloudwatch_log_group.this.kms_key_id == null
    error_message = "The services' own keys need no permission."
  }
}

run "refuses_a_use_that_is_not_named" {
  command = plan

  variables {
    key_uses = { dynamodb = ["kms:*"] }
  }

  expect_failures = [var.key_uses]
}
