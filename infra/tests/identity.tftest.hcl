# A deployment does not become another one by a typing error. Each run goes on from where the one before has deployed
# to, in the mocked provider.
mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "us_east_1"
  source = "./tests/mocks"
}

variables {
  environment         = "test"
  aws_region          = "eu-west-1"
  artifact_directory  = "tests/fixtures/artifacts/arm64"
  deletion_protection = true
  stream              = { shard_count = 4 }
  api                 = { throttling_rate_limit = 4000 }
}

run "a_protected_deployment" {
  assert {
    condition     = terraform_data.identity.output == "votestream-test in eu-west-1"
    error_message = "What was deployed is kept."
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

run "unless_its_protection_has_been_taken_away" {
  variables {
    deletion_protection = false
  }
}

run "for_then_it_may_be_built_anew_under_another_name" {
  variables {
    deletion_protection = false
    environment         = "other"
  }

  assert {
    condition     = terraform_data.identity.output == "votestream-other in eu-west-1"
    error_message = "The new name is kept now."
  }
}
