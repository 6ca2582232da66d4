# Keys, and who may use them. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  deletion_protection_enabled = false
  description                 = "Votes at rest"
  name                        = "votestream-test"
}

run "a_key_encrypts_and_is_rotated" {
  command = plan

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30 && output.public_key == null
    error_message = "KMS rotates the key every year, and a destroy can be cancelled for 30 days."
  }

  assert {
    condition     = [aws_kms_alias.this.name, output.key_arn, output.key_id] == ["alias/votestream-test", "arn:aws:kms:eu-west-1:111122223333:key/mocked", "mocked"]
    error_message = "People find the key by the deployment's name, and tools by its ARN or id."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Principal] == [{ AWS = "arn:aws:iam::111122223333:root" }]
    error_message = "No service and no role may use the key by the key's own policy."
  }
}

run "a_signing_key_signs_is_not_rotated_and_is_protected" {
  command = plan

  variables {
    signing_spec                = "RSA_3072"
    deletion_protection_enabled = true
  }

  assert {
    condition     = [aws_kms_key.this.customer_master_key_spec, aws_kms_key.this.key_usage] == ["RSA_3072", "SIGN_VERIFY"]
    error_message = "The key signs and does nothing else."
  }

  assert {
    condition     = !aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "KMS cannot rotate a key pair, and a destroy can be cancelled for 30 days."
  }

  assert {
    condition = contains([
      for statement in jsondecode(aws_kms_key.this.policy).Statement : "${statement.Effect} ${join(" ", flatten([statement.Action]))}"
    ], "Deny kms:DeleteAlias kms:DisableKey kms:ScheduleKeyDeletion")
    error_message = "A lost key cannot be replaced, so a deletion is refused."
  }
}

run "logs_may_use_the_key_for_these_groups_only" {
  command = plan
  variables { log_group_names = ["/aws/lambda/votestream-test-*", "/aws/api-gateway/votestream-test"] }

  assert {
    condition     = { for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid => statement.Principal } == { AccountDecides = { AWS = "arn:aws:iam::111122223333:root" }, EncryptAlarms = { Service = "cloudwatch.amazonaws.com" }, EncryptLogs = { Service = "logs.eu-west-1.amazonaws.com" } }
    error_message = "The policy names this account, CloudWatch Logs in this region, and CloudWatch."
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
    error_message = "The policy names each action of CloudWatch Logs."
  }

  # Alarms of this account only.
  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[2].Condition == { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    error_message = "The key must not serve another account's alarms."
  }

  assert {
    condition     = toset(jsondecode(aws_kms_key.this.policy).Statement[2].Action) == toset(["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"])
    error_message = "A publisher to an encrypted topic needs both: a data key, and the right to decrypt it."
  }
}

run "refuses_an_unknown_key_pair_and_a_log_group_without_its_full_name" {
  command = plan

  variables {
    signing_spec    = "ECC_NIST_P256"
    log_group_names = ["*"]
  }

  expect_failures = [var.signing_spec, var.log_group_names]
}
