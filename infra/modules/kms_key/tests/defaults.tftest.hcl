# Who may use the key. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  deletion_protection_enabled = false
  name                        = "votestream-test"
  log_group_names             = ["/aws/lambda/votestream-test-*", "/aws/api-gateway/votestream-test"]
}

run "the_key_is_rotated_and_is_not_gone_at_once" {
  command = plan

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "A key is changed every year, and a destroy can be regretted for 30 days."
  }

  assert {
    condition     = aws_kms_alias.this.name == "alias/votestream-test"
    error_message = "People find it by the deployment's name."
  }
}

run "the_account_decides_and_logs_may_use_it_for_these_groups_only" {
  command = plan

  assert {
    condition     = { for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid => statement.Principal } == { AccountDecides = { AWS = "arn:aws:iam::111122223333:root" }, EncryptAlarms = { Service = "cloudwatch.amazonaws.com" }, EncryptLogs = { Service = "logs.eu-west-1.amazonaws.com" } }
    error_message = "This account, CloudWatch Logs in this region, and CloudWatch."
  }

  assert {
    condition = jsondecode(aws_kms_key.this.policy).Statement[1].Condition == {
      ArnLike = {
        "kms:EncryptionContext:aws:logs:arn" = [
          "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/votestream-test-*",
          "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/api-gateway/votestream-test",
        ]
      }
    }
    error_message = "The key must not encrypt logs of other deployments."
  }

  assert {
    condition     = !anytrue([for action in jsondecode(aws_kms_key.this.policy).Statement[1].Action : strcontains(action, "*")])
    error_message = "What CloudWatch Logs may do is named."
  }
}

run "cloudwatch_may_use_it_for_this_account_only" {
  command = plan

  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[2].Condition == { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    error_message = "The key must not serve another account's alarms."
  }

  assert {
    condition     = toset(jsondecode(aws_kms_key.this.policy).Statement[2].Action) == toset(["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"])
    error_message = "A publisher to an encrypted topic needs both: a data key, and the right to decrypt it."
  }
}

run "refuses_a_log_group_that_is_no_full_name" {
  command = plan

  variables {
    deletion_protection_enabled = false
    log_group_names             = ["*"]
  }

  expect_failures = [var.log_group_names]
}

run "a_protected_key_is_not_deleted" {
  command = plan

  variables {
    deletion_protection_enabled = true
  }

  assert {
    condition = contains([
      for statement in jsondecode(aws_kms_key.this.policy).Statement : "${statement.Effect} ${join(" ", flatten([statement.Action]))}"
    ], "Deny kms:DeleteAlias kms:DisableKey kms:ScheduleKeyDeletion")
    error_message = "Votes that the key encrypts would be lost with it, so a deletion is refused."
  }
}
