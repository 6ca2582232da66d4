# The use of keys in the whole platform. Each module's tests cover its own use.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "us_east_1"
  source          = "./tests/mocks"
  override_during = plan
}

run "by_default_no_role_needs_a_key" {
  command = plan

  assert {
    condition     = length(module.encryption_key) == 0 && !strcontains(join("", [module.vote_writer.execution_policy_json, module.vote_aggregator.execution_policy_json, module.tally_function.execution_policy_json, module.results_api.execution_policy_json]), "kms:")
    error_message = "The services' own keys cost nothing and need no permission."
  }

  assert {
    condition     = local.alarms_kms_key == null
    error_message = "SNS' own key would keep CloudWatch out."
  }
}

run "each_function_may_use_the_key_for_what_it_does" {
  command = plan

  variables {
    encryption = { customer_managed_key = true }
  }

  assert {
    condition = {
      for name, policy in { vote_writer = module.vote_writer.execution_policy_json, vote_aggregator = module.vote_aggregator.execution_policy_json, tally = module.tally_function.execution_policy_json, results_api = module.results_api.execution_policy_json } :
      name => { for statement in jsondecode(policy).Statement : trimprefix(statement.Sid, "UseKeyThrough") => statement.Action if startswith(statement.Sid, "UseKey") && statement.Resource == ["arn:aws:kms:eu-west-1:111122223333:key/mocked"] }
      } == {
      vote_writer     = { Dynamodb = ["kms:Decrypt"], Kinesis = ["kms:Decrypt"], S3 = ["kms:GenerateDataKey"] }
      vote_aggregator = { Dynamodb = ["kms:Decrypt"], Kinesis = ["kms:Decrypt"], S3 = ["kms:GenerateDataKey"] }
      tally           = { Dynamodb = ["kms:Decrypt"], Kinesis = ["kms:GenerateDataKey"] }
      results_api     = { Dynamodb = ["kms:Decrypt"] }
    }
    error_message = "Users of a table and readers of the stream must decrypt, and writers of records must encrypt."
  }

  assert {
    condition     = local.alarms_kms_key == { arn = "arn:aws:kms:eu-west-1:111122223333:key/mocked" }
    error_message = "Alarms must use the key whose policy admits CloudWatch."
  }
}

run "an_existing_key_is_used" {
  command = plan

  variables {
    encryption = { kms_key_arn = "arn:aws:kms:eu-west-1:444455556666:key/theirs" }
  }

  assert {
    condition     = length(module.encryption_key) == 0 && strcontains(module.results_api.execution_policy_json, "arn:aws:kms:eu-west-1:444455556666:key/theirs")
    error_message = "With an existing key, Terraform must create none."
  }

  assert {
    condition     = local.alarms_kms_key == null
    error_message = "Alarms must not use an existing key: if its policy does not admit CloudWatch, alarms reach nobody."
  }
}
