# Alarms and dashboard of the whole platform. tests/contract reads the plan of this run. It compares each metric with
# the functions' and AWS's documentation, and each alarm with the runbook.
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
  stream       = { shard_count = 4, retention_hours = 48 }
  votes_table  = { billing_mode = "PROVISIONED", read_units = 100, write_units = 10000 }
  vote_writer  = { maximum_record_age_seconds = 86400 }
  unique_count = { refresh_seconds = 30 }
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
    error_message = "Alarms must be on by default."
  }
}
