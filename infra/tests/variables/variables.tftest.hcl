# For every rule of a variable, a value that just passes and one that just fails. This folder holds the root's
# variables and nothing else, so a run takes milliseconds; a plan of the root takes seconds.
variables {
  environment = "test"
  aws_region  = "eu-west-1"
  stream      = { shard_count = 4 }
  api         = { throttling_rate_limit = 4000 }
}

run "rejects_a_name_of_26_characters" {
  command = plan

  variables {
    environment = "stage-eu-west12"
  }

  expect_failures = [var.environment]
}

run "rejects_an_environment_that_no_bucket_may_carry" {
  command = plan

  variables {
    environment = "Test"
  }

  expect_failures = [var.environment]
}

run "rejects_a_project_with_two_hyphens_in_a_row" {
  command = plan

  variables {
    project = "vote--stream"
  }

  expect_failures = [var.project]
}

run "rejects_a_project_that_parameter_store_reserves" {
  command = plan

  variables {
    project = "aws-votes"
  }

  expect_failures = [var.project]
}

run "rejects_an_invalid_region" {
  command = plan

  variables {
    aws_region = "frankfurt"
  }

  expect_failures = [var.aws_region]
}

run "rejects_an_unknown_architecture" {
  command = plan

  variables {
    lambda_architecture = "amd64"
  }

  expect_failures = [var.lambda_architecture]
}

run "rejects_an_unknown_log_level" {
  command = plan

  variables {
    log_level = "info"
  }

  expect_failures = [var.log_level]
}

run "rejects_a_log_retention_that_cloudwatch_does_not_offer" {
  command = plan

  variables {
    log_retention_days = 31
  }

  expect_failures = [var.log_retention_days]
}

run "rejects_a_negative_failure_retention" {
  command = plan

  variables {
    failure_retention_days = -1
  }

  expect_failures = [var.failure_retention_days]
}

run "rejects_no_poll_cache" {
  command = plan

  variables {
    poll_cache_seconds = 0
  }

  expect_failures = [var.poll_cache_seconds]
}

run "rejects_a_poll_cache_of_301_seconds" {
  command = plan

  variables {
    poll_cache_seconds = 301
  }

  expect_failures = [var.poll_cache_seconds]
}

run "rejects_a_negative_vote_retention" {
  command = plan

  variables {
    vote_retention_days = -1
  }

  expect_failures = [var.vote_retention_days]
}

run "rejects_a_vote_retention_of_3651_days" {
  command = plan

  variables {
    vote_retention_days = 3651
  }

  expect_failures = [var.vote_retention_days]
}

run "rejects_no_write_concurrency" {
  command = plan

  variables {
    vote_writer = { write_concurrency = 0 }
  }

  expect_failures = [var.vote_writer]
}

run "rejects_a_write_concurrency_of_65" {
  command = plan

  variables {
    vote_writer = { write_concurrency = 65 }
  }

  expect_failures = [var.vote_writer]
}

run "accepts_an_answer_that_takes_28_seconds" {
  command = plan

  variables {
    results_api = { timeout_seconds = 28 }
  }
}

run "rejects_an_answer_that_api_gateway_would_not_wait_for" {
  command = plan

  variables {
    results_api = { timeout_seconds = 29 }
  }

  expect_failures = [var.results_api]
}

run "accepts_a_tally_settle_of_300_seconds_and_the_longest_function" {
  command = plan

  variables {
    tally = { metrics_lag_seconds = 3600, recount_seconds = 86400, settle_seconds = 300, timeout_seconds = 900 }
  }
}

run "rejects_a_tally_settle_of_301_seconds" {
  command = plan

  variables {
    tally = { settle_seconds = 301 }
  }

  expect_failures = [var.tally]
}

run "accepts_a_tally_that_does_not_settle_and_the_shortest_function" {
  command = plan

  variables {
    tally = { metrics_lag_seconds = 0, recount_seconds = 0, settle_seconds = 0, timeout_seconds = 30 }
  }
}

run "rejects_a_tally_settle_of_less_than_nothing" {
  command = plan

  variables {
    tally = { settle_seconds = -1 }
  }

  expect_failures = [var.tally]
}

run "rejects_metrics_that_are_waited_for_longer_than_an_hour" {
  command = plan

  variables {
    tally = { metrics_lag_seconds = 3601 }
  }

  expect_failures = [var.tally]
}

run "rejects_a_recount_more_than_a_day_after_the_final" {
  command = plan

  variables {
    tally = { recount_seconds = 86401 }
  }

  expect_failures = [var.tally]
}

run "rejects_a_tally_that_has_no_time_for_its_last_call" {
  command = plan

  variables {
    tally = { timeout_seconds = 29 }
  }

  expect_failures = [var.tally]
}

run "rejects_a_tally_that_runs_longer_than_lambda" {
  command = plan

  variables {
    tally = { timeout_seconds = 901 }
  }

  expect_failures = [var.tally]
}

run "takes_the_whole_table_as_a_write_share" {
  command = plan

  variables {
    votes_table = { billing_mode = "PROVISIONED", read_units = 100, write_units = 100 }
    vote_writer = { write_share = 1 }
  }
}

run "rejects_a_write_share_of_more_than_the_table" {
  command = plan

  variables {
    votes_table = { billing_mode = "PROVISIONED", read_units = 100, write_units = 100 }
    vote_writer = { write_share = 1.01 }
  }

  expect_failures = [var.vote_writer]
}

run "rejects_a_write_share_of_an_on_demand_table" {
  command = plan

  variables {
    vote_writer = { write_share = 0.8 }
  }

  expect_failures = [var.vote_writer]
}

run "accepts_a_paced_batch_that_just_fits_its_invocation" {
  command = plan

  variables {
    votes_table = { billing_mode = "PROVISIONED", read_units = 100, write_units = 100 }
    vote_writer = { write_share = 0.5, parallelization_factor = 2, batch_size = 625, timeout_seconds = 213 }
  }
}

run "rejects_a_paced_batch_of_one_vote_more" {
  command = plan

  variables {
    votes_table = { billing_mode = "PROVISIONED", read_units = 100, write_units = 100 }
    vote_writer = { write_share = 0.5, parallelization_factor = 2, batch_size = 626, timeout_seconds = 213 }
  }

  expect_failures = [var.vote_writer]
}

run "rejects_a_pace_at_which_not_even_one_vote_fits" {
  command = plan

  variables {
    votes_table = { billing_mode = "PROVISIONED", read_units = 100, write_units = 1 }
    vote_writer = { write_share = 0.1, batch_size = 1, timeout_seconds = 60 }
  }

  expect_failures = [var.vote_writer]
}

run "rejects_a_pool_without_mode_cognito" {
  command = plan

  variables {
    voter_auth = { mode = "iam", user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters" }
  }

  expect_failures = [var.voter_auth]
}

run "rejects_a_pool_that_is_named_by_its_id" {
  command = plan

  variables {
    voter_auth = { mode = "cognito", user_pool_arn = "eu-west-1_voters" }
  }

  expect_failures = [var.voter_auth]
}

run "accepts_a_refresh_of_the_count_of_voters_every_ten_seconds" {
  command = plan

  variables {
    unique_count = { refresh_seconds = 10 }
  }
}

run "accepts_a_refresh_of_the_count_of_voters_once_an_hour" {
  command = plan

  variables {
    unique_count = { refresh_seconds = 3600 }
  }
}

run "rejects_a_refresh_that_is_shorter_than_a_pass" {
  command = plan

  variables {
    unique_count = { refresh_seconds = 9 }
  }

  expect_failures = [var.unique_count]
}

run "rejects_a_refresh_of_more_than_an_hour" {
  command = plan

  variables {
    unique_count = { refresh_seconds = 3601 }
  }

  expect_failures = [var.unique_count]
}

run "rejects_openings_without_voter_identity" {
  command = plan

  variables {
    results_pack = { openings = true }
    voter_auth   = { mode = "none" }
  }

  expect_failures = [var.results_pack]
}

run "rejects_publishing_packs_without_their_keys" {
  command = plan

  variables {
    tally = { publish_pack = {} }
  }

  expect_failures = [var.tally]
}

run "rejects_an_unknown_lock_of_packs" {
  command = plan

  variables {
    results_pack = {}
    tally        = { publish_pack = { object_lock = { days = 30, mode = "FOREVER" } } }
  }

  expect_failures = [var.tally]
}

run "rejects_a_lock_of_no_days" {
  command = plan

  variables {
    results_pack = {}
    tally        = { publish_pack = { object_lock = { days = 0 } } }
  }

  expect_failures = [var.tally]
}

run "rejects_pages_that_would_need_a_key" {
  command = plan

  variables {
    api = { clients = { app = { throttling_burst_limit = 1, throttling_rate_limit = 1 } }, client_keys_required = true, throttling_rate_limit = 4000 }
    web = {}
  }

  expect_failures = [var.web]
}

run "rejects_pages_without_a_client_of_the_pool_of_yours" {
  command = plan

  variables {
    voter_auth = { mode = "cognito", user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_abcdefghi" }
    web        = {}
  }

  expect_failures = [var.web]
}

run "rejects_a_name_for_a_cdn_that_is_off" {
  command = plan

  variables {
    results_api = { cdn_domain = { certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0", names = ["vote.example.org"] } }
  }

  expect_failures = [var.results_api]
}

run "a_timeout_that_kinesis_could_outlast_is_refused" {
  command = plan

  variables {
    ingress = { timeout_seconds = 9 }
  }

  expect_failures = [var.ingress]
}

run "more_ready_than_reserved_is_refused" {
  command = plan

  variables {
    api     = { throttling_rate_limit = 4000, vote_door = "http" }
    ingress = { reserved_concurrency = 5, provisioned_concurrency = 6 }
  }

  expect_failures = [var.ingress]
}

run "a_function_url_without_a_throttle_is_refused" {
  command = plan

  variables {
    api = { throttling_rate_limit = 4000, vote_door = "url" }
  }

  expect_failures = [var.ingress]
}

run "an_unknown_old_door_is_refused" {
  command = plan

  variables {
    api = { throttling_rate_limit = 4000, kept_vote_doors = ["rest"] }
  }

  expect_failures = [var.api]
}

run "an_unknown_door_is_refused" {
  command = plan

  variables {
    api = { throttling_rate_limit = 4000, vote_door = "alb" }
  }

  expect_failures = [var.api]
}

run "refuses_a_key_for_a_stream_that_is_not_encrypted" {
  command = plan

  variables {
    encryption = { customer_managed_key = true }
    stream     = { shard_count = 4, encryption_enabled = false }
  }

  expect_failures = [var.encryption]
}

run "refuses_an_alias" {
  command = plan

  variables {
    encryption = { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:alias/own" }
  }

  expect_failures = [var.encryption]
}

run "refuses_a_key_of_another_region" {
  command = plan

  variables {
    encryption = { kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/own" }
  }

  expect_failures = [var.encryption]
}

run "refuses_two_keys" {
  command = plan

  variables {
    encryption = { customer_managed_key = true, kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
  }

  expect_failures = [var.encryption]
}
