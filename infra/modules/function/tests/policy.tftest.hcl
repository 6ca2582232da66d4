# The role: who may assume it, and its permissions.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
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
    error_message = "The boundary must limit the role."
  }
}

run "role_may_write_its_log_and_use_its_permissions" {
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
    error_message = "The role may write its own log, and has exactly the given permissions and conditions."
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
    error_message = "Only Lambda may assume the role, and only for this account."
  }
}
