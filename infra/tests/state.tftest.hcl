# What an apply does to a deployment that exists. Each run continues from a state, in the mocked provider.
mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "us_east_1"
  source = "./tests/mocks"
}

# Applied alone, because the other resources are not needed here, and take seconds.
run "a_protected_deployment" {
  variables { deletion_protection = true }

  plan_options {
    target = [terraform_data.identity]
  }

  assert {
    condition     = terraform_data.identity.output == "votestream-test in eu-west-1"
    error_message = "The state must keep the deployed identity: a typing error must not replace a deployment."
  }
}

run "is_not_renamed" {
  command = plan

  variables {
    deletion_protection = true
    environment         = "tset"
  }

  expect_failures = [aws_ssm_parameter.deployment]
}

run "may_be_created_again_under_another_name_without_protection" {
  command = plan

  variables {
    deletion_protection = false
    environment         = "other"
  }
}

# An environment that was deployed before modules/kms_key keeps its keys.
run "a_deployment_with_keys_at_their_old_addresses" {
  state_key = "deployment"

  module {
    source = "./tests/fixtures/old_keys"
  }

  override_resource {
    target = module.code_key[0].aws_kms_key.codes
    values = { arn = "arn:aws:kms:eu-west-1:111122223333:key/old-codes", key_id = "old-codes" }
  }

  override_resource {
    target = module.results_pack[0].aws_kms_key.polls
    values = { arn = "arn:aws:kms:eu-west-1:111122223333:key/old-polls", key_id = "old-polls" }
  }

  override_resource {
    target = module.results_pack[0].aws_kms_key.signing
    values = { arn = "arn:aws:kms:eu-west-1:111122223333:key/old-signing", key_id = "old-signing" }
  }
}

run "keeps_its_keys" {
  command   = plan
  state_key = "deployment"

  variables {
    api             = { throttling_rate_limit = 4000, vote_door = "http" }
    results_pack    = {}
    vote_aggregator = { reserved_concurrency = 4 }
    vote_writer     = { reserved_concurrency = 4 }
    voter_auth      = { mode = "codes" }
  }

  assert {
    condition     = [module.code_key[0].key_id, module.pack_key[0].key_id, module.pack_signing_key[0].key_id] == ["old-codes", "old-polls", "old-signing"]
    error_message = "moved.tf must lead from every old address of a key to its new one."
  }
}
