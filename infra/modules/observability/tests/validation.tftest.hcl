# For every rule a value that just passes and one that just fails.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  environment         = "test"
  name_prefix         = "votestream-test"
  schedule_group_name = "votestream-test-closings"
  state_machine_arn   = "arn:aws:states:eu-west-1:111122223333:stateMachine:votestream-test-tally"

  api = {
    name                  = "votestream-test"
    stage_name            = "v1"
    throttling_rate_limit = 1000
    votes_path            = "/polls/{poll_id}/votes"
    results_path          = "/polls/{poll_id}/results"
  }

  consumers = {
    vote_aggregator = { batching_window_seconds = 2, event_source_mapping_id = "aggregator-mapping", failure_bucket_name = "aggregator-failures", maximum_record_age_seconds = -1 }
    vote_writer     = { batching_window_seconds = 1, event_source_mapping_id = "writer-mapping", failure_bucket_name = "writer-failures", maximum_record_age_seconds = 43200 }
  }

  functions = {
    results_api     = { function_name = "votestream-test-results-api", memory_mb = 512, timeout_seconds = 15 }
    tally           = { function_name = "votestream-test-tally", memory_mb = 512, timeout_seconds = 60 }
    vote_aggregator = { function_name = "votestream-test-vote-aggregator", memory_mb = 1024, timeout_seconds = 60 }
    vote_writer     = { function_name = "votestream-test-vote-writer", memory_mb = 1024, timeout_seconds = 60 }
  }

  settings = {
    alarms_enabled      = true
    concurrency_percent = 80
    emails              = []
    front_door_percent  = 90
    live_lag_seconds    = 60
    refused_percent     = 10
    rejected_percent    = 20
    risk_percent        = 25
    runbook_url         = "https://example.org/runbook.md"
    storing_lag_seconds = 900
    tally_minutes       = 15
    throttled_percent   = 1
    unavailable_percent = 1
  }

  stream = { name = "votestream-test-votes", retention_hours = 24, shard_count = 4 }

  tables = {
    polls   = { name = "votestream-test-polls", billing_mode = "PAY_PER_REQUEST" }
    tallies = { name = "votestream-test-tallies", billing_mode = "PAY_PER_REQUEST", max_write_units = 500 }
    votes   = { name = "votestream-test-votes", billing_mode = "PROVISIONED" }
  }
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 0.1
      emails              = []
      front_door_percent  = 0.1
      live_lag_seconds    = 12
      refused_percent     = 0.1
      rejected_percent    = 0.1
      risk_percent        = 0.1
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 11
      tally_minutes       = 5
      throttled_percent   = 0.1
      unavailable_percent = 0.1
    }
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 99.9
      emails              = ["one@example.org", "two@example.org"]
      front_door_percent  = 99.9
      live_lag_seconds    = 3600
      refused_percent     = 99.9
      rejected_percent    = 99.9
      risk_percent        = 99.9
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 86400
      tally_minutes       = 120
      throttled_percent   = 99.9
      unavailable_percent = 99.9
    }
  }
}

run "rejects_a_share_of_nothing" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 0
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 15
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_a_share_of_everything" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 15
      throttled_percent   = 1
      unavailable_percent = 100
    }
  }

  expect_failures = [var.settings]
}

run "rejects_live_results_that_are_late_by_the_aggregators_own_window" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 11
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 15
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_live_results_of_yesterday" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 3601
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 15
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_a_storing_lag_within_the_writers_own_window" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 10
      tally_minutes       = 15
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_a_storing_lag_of_more_than_a_day" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 86401
      tally_minutes       = 15
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_a_tally_that_may_not_even_look" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 4
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_a_tally_that_may_wait_for_hours" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 121
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_half_a_minute" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = []
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 7.5
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_addresses_for_a_topic_of_somebody_else" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = ["one@example.org"]
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 15
      throttled_percent   = 1
      topic_arn           = "arn:aws:sns:eu-west-1:111122223333:on-call"
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "rejects_what_is_no_address" {
  command = plan

  variables {
    settings = {
      alarms_enabled      = true
      concurrency_percent = 80
      emails              = ["call me"]
      front_door_percent  = 90
      live_lag_seconds    = 60
      refused_percent     = 10
      rejected_percent    = 20
      risk_percent        = 25
      runbook_url         = "docs/runbook.md"
      storing_lag_seconds = 900
      tally_minutes       = 15
      throttled_percent   = 1
      unavailable_percent = 1
    }
  }

  expect_failures = [var.settings]
}

run "refuses_the_key_that_keeps_cloudwatch_out" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:alias/aws/sns" }
  }

  expect_failures = [var.kms_key]
}
