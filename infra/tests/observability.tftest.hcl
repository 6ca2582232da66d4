# What alarms and dashboard are about in the whole platform. tests/contract takes what the first run plans, and holds
# each metric in it against what the functions emit and what AWS documents, and each alarm against the runbook.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "us_east_1"
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment        = "test"
  aws_region         = "eu-west-1"
  artifact_directory = "tests/fixtures/artifacts/arm64"
  stream             = { shard_count = 4, retention_hours = 48 }
  api                = { throttling_rate_limit = 4000 }
  votes_table        = { billing_mode = "PROVISIONED", read_units = 100, write_units = 10000 }
  vote_writer        = { maximum_record_age_seconds = 86400 }
  unique_count       = { refresh_seconds = 30 }
}

override_resource {
  target          = module.vote_aggregator.aws_lambda_event_source_mapping.this
  override_during = plan
  values          = { uuid = "aggregator-mapping" }
}

override_resource {
  target          = module.vote_writer.aws_lambda_event_source_mapping.this
  override_during = plan
  values = {
    arn  = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:writer-mapping"
    uuid = "writer-mapping"
  }
}

run "alarms_and_dashboard_as_they_are_deployed" {
  command = plan

  assert {
    condition     = length(module.observability.alarm_names) > 0 && output.dashboard_name == "votestream-test" && output.alarm_topic_arn == "arn:aws:sns:eu-west-1:111122223333:mocked"
    error_message = "Alarms are on unless somebody switches them off."
  }
}

run "alarms_can_be_switched_off" {
  command = plan

  variables {
    observability = { alarms_enabled = false }
  }

  assert {
    condition     = length(module.observability.alarm_names) == 0 && output.alarm_topic_arn == null
    error_message = "Where nobody is on call, alarms need not be paid for."
  }
}

run "without_the_count_of_voters_nothing_watches_it" {
  command = plan

  variables {
    unique_count = null
  }

  assert {
    condition     = !anytrue([for name in keys(module.observability.alarm_names) : startswith(name, "unique-count")])
    error_message = "An alarm about a function that is not there would be paid for nothing."
  }
}
