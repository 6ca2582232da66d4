# The alarms, with dimensions, periods, missing data and actions. tests/contract checks that their metrics exist, and what
# their expressions mean.
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

run "every_alarm_reaches_on_call_with_its_meaning_and_a_threshold_that_fits" {
  command = plan

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      jsonencode([alarm.alarm_actions, alarm.ok_actions]) == jsonencode([["arn:aws:sns:eu-west-1:111122223333:mocked"], ["arn:aws:sns:eu-west-1:111122223333:mocked"]]) && alarm.actions_enabled != false
    ])
    error_message = "An alarm without an action reaches nobody."
  }

  assert {
    condition = jsondecode(one(values(aws_sns_topic_policy.alarms)).policy).Statement == [{
      Sid       = "PublishedByAlarms"
      Effect    = "Allow"
      Action    = "sns:Publish"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Resource  = "arn:aws:sns:eu-west-1:111122223333:mocked"
      Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    }]
    error_message = "The topic's policy must admit CloudWatch for this account, and nobody else."
  }

  assert {
    condition     = one(aws_sns_topic.alarms).kms_master_key_id == null
    error_message = "CloudWatch may not use alias/aws/sns: with it, no alarm would arrive."
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.this :
      can(regex("^.+\nFirst: .+\nRunbook: https://example.org/runbook.md#[a-z-]+$", alarm.alarm_description)) && length(alarm.alarm_description) <= 1024
    ])
    error_message = "On-call sees only this text, so it must say what to do."
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : startswith(name, regex("#([a-z-]+)$", alarm.alarm_description)[0])])
    error_message = "An alarm's name begins with its section of the runbook."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.metric_name if alarm.treat_missing_data != "notBreaching" } == {
      consumer-stopped-vote-aggregator = "PolledEventCount"
      consumer-stopped-vote-writer     = "PolledEventCount"
    }
    error_message = "A night without votes must not page on-call."
  }

  assert {
    condition = {
      for name in ["consumer-behind", "votes-at-risk", "consumer-stopped", "batches-given-up", "records-lost"] : name => [
        for consumer in ["vote-aggregator", "vote-writer"] : one(values(aws_cloudwatch_metric_alarm.this["${name}-${consumer}"].dimensions))
      ]
      } == {
      consumer-behind  = ["votestream-test-vote-aggregator", "votestream-test-vote-writer"]
      votes-at-risk    = ["votestream-test-vote-aggregator", "votestream-test-vote-writer"]
      consumer-stopped = ["aggregator-mapping", "writer-mapping"]
      batches-given-up = ["aggregator-mapping", "writer-mapping"]
      records-lost     = ["aggregator-mapping", "writer-mapping"]
    }
    error_message = "Kinesis' own iterator age mixes all readers of the stream."
  }

  assert {
    condition = { for name in ["votes-at-risk-vote-writer", "votes-at-risk-vote-aggregator", "consumer-behind-vote-writer", "consumer-behind-vote-aggregator", "front-door-full"] : name => aws_cloudwatch_metric_alarm.this[name].threshold } == {
      votes-at-risk-vote-writer       = 0.25 * 43200 * 1000     # it gives up at its maximum record age
      votes-at-risk-vote-aggregator   = 0.25 * 24 * 3600 * 1000 # and the aggregator at the stream's retention
      consumer-behind-vote-writer     = 900 * 1000              # iterator age is in milliseconds
      consumer-behind-vote-aggregator = 60 * 1000
      front-door-full                 = 0.9 * 1000 * 60 # of the front door's rate, in a minute
    }
    error_message = "Thresholds follow from the deployment."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["tally-waiting"].evaluation_periods == 15 && aws_cloudwatch_metric_alarm.this["tally-waiting"].datapoints_to_alarm == 10
    error_message = "A waiting tally looks at least once a minute."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24 && widget.height > 0])
    error_message = "CloudWatch's page is 24 units wide."
  }

  assert {
    condition     = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [widget.x, widget.y]])) == length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets)
    error_message = "Widgets must not overlap."
  }

  assert {
    condition     = one([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : length(widget.properties.alarms) if widget.type == "alarm"]) == length(aws_cloudwatch_metric_alarm.this)
    error_message = "All alarms are on the page."
  }
}

run "a_function_url_an_endless_writer_and_a_key_change_their_alarms" {
  command = plan

  variables {
    door = {
      function_name        = "votestream-test-url-ingress"
      metrics              = { namespace = "AWS/Lambda", dimensions = { FunctionName = "votestream-test-url-ingress" }, count = "UrlRequestCount", client_errors = "Url4xxCount", server_errors = "Url5xxCount", latency = "UrlRequestLatency" }
      reserved_concurrency = 50
      timeout_seconds      = 10
    }
    consumers = merge(var.consumers, { vote_writer = merge(var.consumers.vote_writer, { maximum_record_age_seconds = -1 }) })
    kms_key   = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["front-door-full"].threshold == 0.9 * 10 * 50 * 60 && aws_cloudwatch_metric_alarm.this["front-door-full"].metric_name == "UrlRequestCount"
    error_message = "The API's rate limits no function URL: its reserved concurrency does."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["votes-at-risk-vote-writer"].threshold == 0.25 * 24 * 3600 * 1000
    error_message = "With -1 the stream's retention must set the threshold."
  }

  assert {
    condition     = one(aws_sns_topic.alarms).kms_master_key_id == "arn:aws:kms:eu-west-1:111122223333:key/own"
    error_message = "Alarms are encrypted with the key that was passed."
  }
}

run "without_alarms_only_the_dashboard_remains" {
  command = plan
  variables { settings = merge(var.settings, { alarms_enabled = false, emails = ["on-call@example.org"] }) }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) + length(aws_sns_topic.alarms) + length(aws_sns_topic_subscription.email) == 0 && output.topic_arn == null
    error_message = "Without alarms nothing may cost money per alarm."
  }

  assert {
    condition     = output.dashboard_name == "votestream-test" && !anytrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.type == "alarm"])
    error_message = "The dashboard must exist, without a list of alarms that do not exist."
  }
}

run "a_given_topic_gets_the_alarms" {
  command = plan
  variables { settings = merge(var.settings, { topic_arn = "arn:aws:sns:eu-west-1:111122223333:on-call" }) }

  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && alltrue([for alarm in aws_cloudwatch_metric_alarm.this : one(alarm.alarm_actions) == "arn:aws:sns:eu-west-1:111122223333:on-call"])
    error_message = "Alarms must go to the existing topic."
  }
}

# For every rule: a value that just passes, and one that just fails.
run "accepts_the_least_of_everything" {
  command = plan

  variables {
    settings = merge(var.settings,
      { for name in keys(var.settings) : name => 0.1 if endswith(name, "_percent") },
      { live_lag_seconds = 12, storing_lag_seconds = 11, tally_minutes = 5 },
    )
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    settings = merge(var.settings,
      { for name in keys(var.settings) : name => 99.9 if endswith(name, "_percent") },
      { emails = ["one@example.org", "two@example.org"], live_lag_seconds = 3600, storing_lag_seconds = 86400, tally_minutes = 120 },
    )
  }
}

run "rejects_a_share_of_0_percent" {
  command = plan
  variables { settings = merge(var.settings, { rejected_percent = 0 }) }
  expect_failures = [var.settings]
}

run "rejects_a_share_of_100_percent" {
  command = plan
  variables { settings = merge(var.settings, { unavailable_percent = 100 }) }
  expect_failures = [var.settings]
}

run "rejects_a_live_lag_within_the_aggregators_own_window" {
  command = plan
  variables { settings = merge(var.settings, { live_lag_seconds = 11 }) }
  expect_failures = [var.settings]
}

run "rejects_a_live_lag_of_more_than_an_hour" {
  command = plan
  variables { settings = merge(var.settings, { live_lag_seconds = 3601 }) }
  expect_failures = [var.settings]
}

run "rejects_a_storing_lag_within_the_writers_own_window" {
  command = plan
  variables { settings = merge(var.settings, { storing_lag_seconds = 10 }) }
  expect_failures = [var.settings]
}

run "rejects_a_storing_lag_of_more_than_a_day" {
  command = plan
  variables { settings = merge(var.settings, { storing_lag_seconds = 86401 }) }
  expect_failures = [var.settings]
}

run "rejects_less_than_5_minutes_for_a_tally" {
  command = plan
  variables { settings = merge(var.settings, { tally_minutes = 4 }) }
  expect_failures = [var.settings]
}

run "rejects_more_than_2_hours_for_a_tally" {
  command = plan
  variables { settings = merge(var.settings, { tally_minutes = 121 }) }
  expect_failures = [var.settings]
}

run "rejects_half_a_minute" {
  command = plan
  variables { settings = merge(var.settings, { tally_minutes = 7.5 }) }
  expect_failures = [var.settings]
}

run "rejects_addresses_for_an_existing_topic" {
  command = plan
  variables { settings = merge(var.settings, { emails = ["one@example.org"], topic_arn = "arn:aws:sns:eu-west-1:111122223333:on-call" }) }
  expect_failures = [var.settings]
}

run "rejects_an_invalid_address_and_the_aws_key_that_cloudwatch_may_not_use" {
  command = plan

  variables {
    settings = merge(var.settings, { emails = ["call me"] })
    kms_key  = { arn = "arn:aws:kms:eu-west-1:111122223333:alias/aws/sns" }
  }

  expect_failures = [var.settings, var.kms_key]
}

run "rejects_a_missing_consumer_and_a_missing_function" {
  command = plan

  variables {
    consumers = { vote_writer = var.consumers.vote_writer }
    functions = { tally = var.functions.tally }
  }

  expect_failures = [var.consumers, var.functions]
}
