# The properties of every function. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan

  override_resource {
    target = aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/votestream-test-vote-writer" }
  }
}

run "names_carry_project_environment_and_function" {
  command = plan

  assert {
    condition     = [aws_lambda_function.this.function_name, aws_iam_role.this.name, aws_cloudwatch_log_group.this.name] == ["votestream-test-vote-writer", "votestream-test-vote-writer", "/aws/lambda/votestream-test-vote-writer"]
    error_message = "Every name must carry project, environment and function, so that an account can hold several."
  }

  assert {
    condition     = one(aws_lambda_function.this.logging_config).log_group == "/aws/lambda/votestream-test-vote-writer"
    error_message = "The function must log into the group with the retention, which must exist before the function."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "Without reserved_concurrency the function shares the account's concurrency."
  }

  assert {
    condition     = aws_lambda_function.this.source_code_hash == jsondecode(file("../../tests/fixtures/artifacts/arm64/manifest.json")).functions.vote_writer.code_sha256_base64
    error_message = "The code hash must be the manifest's: then Terraform deploys changed code, and never the same code twice."
  }

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.runtime == "python3.13"
    error_message = "The function's architecture must be the artifact's."
  }

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

  assert {
    condition     = !strcontains(aws_iam_role_policy.this.policy, "kms:") && aws_cloudwatch_log_group.this.kms_key_id == null
    error_message = "The services' own keys need no permission."
  }
}

run "role_may_write_its_log_and_use_its_permissions_within_its_boundary" {
  command = plan

  variables {
    deployment = merge(var.deployment, { permissions_boundary_arn = "arn:aws:iam::111122223333:policy/pipeline/votestream-test-boundary" })
    permissions = {
      StoreVotes = { actions = ["dynamodb:PartiQLInsert"], resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"] }
      ReadVersions = {
        actions   = ["dynamodb:GetItem"]
        resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]
        condition = { "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["version"] } }
      }
    }
    settings = merge(var.settings, { reserved_concurrency = 40 })
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

  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/pipeline/votestream-test-boundary"
    error_message = "The boundary must limit the role."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 40 && output.reserved_concurrency == 40
    error_message = "reserved_concurrency holds a function back."
  }
}

run "a_key_encrypts_the_log_and_is_used_through_named_services_only" {
  command = plan

  variables {
    deployment = merge(var.deployment, { kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" } })
    key_uses   = { dynamodb = ["kms:Decrypt"], kinesis = ["kms:GenerateDataKey"] }
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "The log must be encrypted with the key."
  }

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

# A function is planned only with the artifact that make package built for it.

run "accepts_the_other_architecture_with_its_artifact" {
  command = plan
  variables { deployment = merge(var.deployment, { architecture = "x86_64", artifact_directory = "../../tests/fixtures/artifacts/x86_64" }) }
}

run "refuses_to_plan_without_an_artifact" {
  command = plan
  variables { deployment = merge(var.deployment, { artifact_directory = "../../tests/fixtures/artifacts/nowhere" }) }
  expect_failures = [aws_lambda_function.this]
}

run "refuses_an_artifact_of_another_architecture" {
  command = plan
  variables { deployment = merge(var.deployment, { artifact_directory = "../../tests/fixtures/artifacts/x86_64" }) }
  expect_failures = [aws_lambda_function.this]
}

run "refuses_an_artifact_left_from_another_build" {
  command = plan
  variables { deployment = merge(var.deployment, { artifact_directory = "../../tests/fixtures/artifacts/stale" }) }
  expect_failures = [aws_lambda_function.this]
}

# Settings at their limits, and just past them.

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    deployment = merge(var.deployment, { log_retention_days = 1 })
    settings   = { memory_mb = 128, reserved_concurrency = 1, timeout_seconds = 1 }
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    deployment = merge(var.deployment, { log_retention_days = 3653, name_prefix = "votestream-${join("", [for _ in range(41) : "x"])}" })
    settings   = { memory_mb = 10240, reserved_concurrency = 1000, timeout_seconds = 900 }
  }
}

run "rejects_wildcards_and_127_mb_of_memory" {
  command = plan

  variables {
    key_uses    = { dynamodb = ["kms:*"] }
    permissions = { Everything = { actions = ["dynamodb:*"], resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votes"] } }
    settings    = merge(var.settings, { memory_mb = 127 })
  }

  expect_failures = [var.key_uses, var.permissions, var.settings]
}

run "rejects_reserving_no_concurrency_at_all" {
  command = plan
  variables { settings = merge(var.settings, { reserved_concurrency = 0 }) }
  expect_failures = [var.settings]
}

run "rejects_a_name_with_a_capital_or_hyphen" {
  command = plan
  variables { name = "vote-writer" }
  expect_failures = [var.name]
}

run "rejects_too_long_a_name_too_much_memory_and_a_permission_without_resources" {
  command = plan

  variables {
    deployment  = merge(var.deployment, { name_prefix = "votestream-${join("", [for _ in range(42) : "x"])}" })
    permissions = { Nothing = { actions = ["dynamodb:GetItem"], resources = [] } }
    settings    = merge(var.settings, { memory_mb = 10241 })
  }

  expect_failures = [var.deployment, var.permissions, var.settings]
}

run "rejects_a_timeout_of_0_seconds" {
  command = plan
  variables { settings = merge(var.settings, { timeout_seconds = 0 }) }
  expect_failures = [var.settings]
}

run "rejects_a_timeout_of_901_seconds" {
  command = plan
  variables { settings = merge(var.settings, { timeout_seconds = 901 }) }
  expect_failures = [var.settings]
}
