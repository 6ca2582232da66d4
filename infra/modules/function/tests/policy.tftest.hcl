# Who may become the role, and what the role may do.
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
}

override_resource {
  target          = aws_cloudwatch_log_group.this
  override_during = plan
  values          = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/votestream-test-vote-writer" }
}

run "role_is_held_within_the_boundary_that_it_is_given" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/pipeline/votestream-test-boundary"
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/pipeline/votestream-test-boundary"
    error_message = "Whatever the role is given, it may do no more than the boundary."
  }
}

run "role_may_write_its_log_and_do_what_it_was_given" {
  command = plan

  variables {
    permissions = {
      StoreVotes = { actions = ["dynamodb:PartiQLInsert"], resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"] }
      ReadVersions = {
        actions   = ["dynamodb:GetItem"]
        resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]
        condition = { "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["version"] } }
      }
    }
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid => jsonencode(statement) } == {
      WriteLog = jsonencode({
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/votestream-test-vote-writer:*"]
      })
      StoreVotes = jsonencode({
        Sid      = "StoreVotes"
        Effect   = "Allow"
        Action   = ["dynamodb:PartiQLInsert"]
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]
      })
      ReadVersions = jsonencode({
        Sid       = "ReadVersions"
        Effect    = "Allow"
        Action    = ["dynamodb:GetItem"]
        Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]
        Condition = { "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["version"] } }
      })
    }
    error_message = "Its own log, and what it was given on the terms it was given on: no more."
  }
}

run "only_lambda_for_this_account_may_assume_the_role" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Sid       = "AssumedByLambda"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    }]
    error_message = "Lambda alone, and only on behalf of this account."
  }
}
