# Two keys and who may use them. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name = "votestream-test"
}

run "one_key_makes_data_keys_and_is_rotated" {
  command = plan

  assert {
    condition     = aws_kms_key.polls.enable_key_rotation && aws_kms_key.polls.deletion_window_in_days == 30
    error_message = "The key is rotated every year, and a destroy can be cancelled for 30 days."
  }

  assert {
    condition     = aws_kms_alias.polls.name == "alias/votestream-test-results-pack"
    error_message = "People find the key by the deployment's name."
  }
}

run "the_other_key_signs_what_the_format_says" {
  command = plan

  assert {
    condition     = aws_kms_key.signing.customer_master_key_spec == "RSA_3072" && aws_kms_key.signing.key_usage == "SIGN_VERIFY"
    error_message = "Verifiers know RSA with 3,072 bits and nothing else."
  }

  assert {
    condition     = aws_kms_key.signing.deletion_window_in_days == 30 && aws_kms_alias.signing.name == "alias/votestream-test-results-pack-signing"
    error_message = "A destroy can be cancelled for 30 days, and people find the key by the deployment's name."
  }
}

run "only_the_accounts_own_policies_decide" {
  command = plan

  assert {
    condition     = aws_kms_key.polls.policy == aws_kms_key.signing.policy
    error_message = "Both keys have the same policy."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.signing.policy).Statement : statement.Principal] == [{ AWS = "arn:aws:iam::111122223333:root" }]
    error_message = "No service and no role may use a key by the key's own policy."
  }
}
