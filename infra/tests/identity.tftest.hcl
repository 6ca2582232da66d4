# A typing error must not replace a deployment. Each run continues from the state of the run before, in the mocked
# provider.
mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "us_east_1"
  source = "./tests/mocks"
}

variables {
  deletion_protection = true
}

run "a_protected_deployment" {
  assert {
    condition     = terraform_data.identity.output == "votestream-test in eu-west-1"
    error_message = "The state must keep the deployed identity."
  }
}

run "is_not_renamed" {
  command = plan

  variables {
    environment = "tset"
  }

  expect_failures = [aws_ssm_parameter.deployment]
}

run "is_not_moved" {
  command = plan

  variables {
    aws_region = "eu-central-1"
  }

  expect_failures = [aws_ssm_parameter.deployment]
}

run "without_protection" {
  variables {
    deletion_protection = false
  }
}

run "may_be_created_again_under_another_name" {
  variables {
    deletion_protection = false
    environment         = "other"
  }

  assert {
    condition     = terraform_data.identity.output == "votestream-other in eu-west-1"
    error_message = "The state must keep the new identity."
  }
}
