# With a customer managed key. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  key_uses = { dynamodb = ["kms:Decrypt"], kinesis = ["kms:GenerateDataKey"] }
  kms_key  = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
}

run "the_log_is_encrypted_with_the_key" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "The key takes the place of CloudWatch's own."
  }
}

run "the_role_may_use_the_key_through_named_services_only" {
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
    error_message = "The role may use this key only, and never directly."
  }
}

run "without_a_key_there_is_no_permission_for_one" {
  command = plan

  variables {
    kms_key = null
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this.policy, "kms:") && aws_cloudwatch_log_group.this.kms_key_id == null
    error_message = "The services' own keys need no permission."
  }
}

run "refuses_a_wildcard_in_key_uses" {
  command = plan

  variables {
    key_uses = { dynamodb = ["kms:*"] }
  }

  expect_failures = [var.key_uses]
}
