# The key that signs codes. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name = "votestream-test"
}

run "the_key_signs_and_does_nothing_else" {
  command = plan

  assert {
    condition     = [aws_kms_key.codes.customer_master_key_spec, aws_kms_key.codes.key_usage] == ["RSA_2048", "SIGN_VERIFY"]
    error_message = "Codes are RS256 tokens: an RSA key that signs."
  }

  assert {
    condition     = aws_kms_alias.codes.name == "alias/votestream-test-codes"
    error_message = "The alias carries project and environment."
  }

  assert {
    condition     = [output.key_arn, output.key_id] == ["arn:aws:kms:eu-west-1:111122223333:key/mocked", "mocked"]
    error_message = "Tools get the key's ARN, and the door the id that codes name. The public key is known after the apply."
  }
}

run "nobody_gets_the_key_from_its_policy_alone" {
  command = plan

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.codes.policy).Statement : statement.Principal if statement.Effect == "Allow"] == [{ AWS = "arn:aws:iam::111122223333:root" }]
    error_message = "Who may sign is for the account's own policies to say."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.codes.policy).Statement : statement.Sid if statement.Effect == "Deny"] == ["KeepKey"]
    error_message = "A deleted key would end every code that is out."
  }
}

run "without_protection_the_key_may_go" {
  command = plan

  variables {
    deletion_protection_enabled = false
  }

  assert {
    condition     = length(jsondecode(aws_kms_key.codes.policy).Statement) == 1
    error_message = "A test's key can be deleted."
  }
}
