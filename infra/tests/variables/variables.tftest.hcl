# Rules of variables and their checks, each just within its limit and just past it, and values that follow from variables
# alone. No resource is in this folder, so a run takes milliseconds; a plan of the root takes seconds.
variables {
  api         = { throttling_rate_limit = 4000 }
  aws_region  = "eu-west-1"
  environment = "test"
  stream      = { shard_count = 4 }
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    failure_retention_days = 0
    ingress                = { timeout_seconds = 10 }
    log_retention_days     = 1
    poll_cache_seconds     = 1
    project                = "v"
    results_pack           = {}
    tally                  = { metrics_lag_seconds = 0, publish_pack = { object_lock = { days = 1 }, work_retention_days = 0 }, recount_seconds = 0, settle_seconds = 0, timeout_seconds = 30 }
    unique_count           = { refresh_seconds = 10 }
    vote_retention_days    = 0
    vote_writer            = { write_concurrency = 1 }
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    environment            = "stage-eu-west1" # 25 characters with the project
    failure_retention_days = 3650
    ingress                = { provisioned_concurrency = 5, reserved_concurrency = 5, timeout_seconds = 29 }
    log_level              = "CRITICAL"
    log_retention_days     = 3653
    poll_cache_seconds     = 300
    results_api            = { timeout_seconds = 28 }
    results_pack           = {}
    tally                  = { metrics_lag_seconds = 3600, publish_pack = { object_lock = { days = 36500 } }, recount_seconds = 86400, settle_seconds = 300, timeout_seconds = 900 }
    unique_count           = { refresh_seconds = 3600 }
    vote_retention_days    = 3650
    vote_writer            = { write_concurrency = 64, write_share = 1 }
    votes_table            = { billing_mode = "PROVISIONED", read_units = 100, write_units = 10000 }
  }
}

# One wrong value for each variable, so a variable with several rules is in several of these runs.

run "rejects_values_below_their_range" {
  command = plan

  variables {
    failure_retention_days = -1
    ingress                = { timeout_seconds = 9 } # Kinesis could take longer
    poll_cache_seconds     = 0
    tally                  = { settle_seconds = -1 }
    unique_count           = { refresh_seconds = 9 }
    vote_retention_days    = -1
    vote_writer            = { write_concurrency = 0 }
  }

  expect_failures = [
    var.failure_retention_days, var.ingress, var.poll_cache_seconds, var.tally, var.unique_count, var.vote_retention_days,
    var.vote_writer,
  ]
}

run "rejects_values_above_their_range" {
  command = plan

  variables {
    environment         = "stage-eu-west12" # 26 characters with the project
    ingress             = { timeout_seconds = 30 }
    poll_cache_seconds  = 301
    results_api         = { timeout_seconds = 29 } # API Gateway would not wait
    tally               = { settle_seconds = 301 }
    unique_count        = { refresh_seconds = 3601 }
    vote_retention_days = 3651
    vote_writer         = { write_concurrency = 65 }
  }

  expect_failures = [
    var.environment, var.ingress, var.poll_cache_seconds, var.results_api, var.tally, var.unique_count,
    var.vote_retention_days, var.vote_writer,
  ]
}

run "rejects_fractions" {
  command = plan

  variables {
    failure_retention_days = 1.5
    poll_cache_seconds     = 1.5
    tally                  = { settle_seconds = 1.5 }
    unique_count           = { refresh_seconds = 10.5 }
    vote_retention_days    = 1.5
    vote_writer            = { write_concurrency = 1.5 }
  }

  expect_failures = [
    var.failure_retention_days, var.poll_cache_seconds, var.tally, var.unique_count, var.vote_retention_days, var.vote_writer,
  ]
}

run "rejects_values_that_aws_does_not_know" {
  command = plan

  variables {
    aws_region          = "frankfurt"
    environment         = "Test" # no bucket may have it in its name
    lambda_architecture = "amd64"
    log_level           = "info"
    log_retention_days  = 31
    results_pack        = {}
    tally               = { publish_pack = { object_lock = { days = 30, mode = "FOREVER" } } }
  }

  expect_failures = [var.aws_region, var.environment, var.lambda_architecture, var.log_level, var.log_retention_days, var.tally]
}

run "rejects_an_unknown_door_and_a_project_that_parameter_store_reserves" {
  command = plan

  variables {
    api     = { throttling_rate_limit = 4000, vote_door = "alb" }
    project = "aws-votes"
  }

  expect_failures = [var.api, var.project]
}

run "rejects_an_unknown_old_door_and_a_project_with_two_hyphens_in_a_row" {
  command = plan

  variables {
    api     = { throttling_rate_limit = 4000, kept_vote_doors = ["rest"] }
    project = "vote--stream"
  }

  expect_failures = [var.api, var.project]
}

run "rejects_values_that_another_setting_excludes" {
  command = plan

  variables {
    encryption  = { customer_managed_key = true, kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
    results_api = { cdn_domain = { certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0", names = ["vote.example.org"] } }
    tally       = { publish_pack = {} } # without its keys
    vote_writer = { write_share = 0.8 } # of an on-demand table
  }

  expect_failures = [var.encryption, var.results_api, var.tally, var.vote_writer]
}

run "rejects_a_key_for_a_stream_that_is_not_encrypted_and_a_pool_without_sign_in" {
  command = plan

  variables {
    encryption = { customer_managed_key = true }
    stream     = { shard_count = 4, encryption_enabled = false }
    voter_auth = { mode = "iam", user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters" }
  }

  expect_failures = [var.encryption, var.voter_auth]
}

run "rejects_metrics_that_are_waited_for_longer_than_an_hour" {
  command = plan
  variables { tally = { metrics_lag_seconds = 3601 } }
  expect_failures = [var.tally]
}

run "rejects_metrics_from_before_the_last_marker" {
  command = plan
  variables { tally = { metrics_lag_seconds = -1 } }
  expect_failures = [var.tally]
}

run "rejects_a_lock_of_more_than_a_hundred_years" {
  command = plan

  variables {
    results_pack = {}
    tally        = { publish_pack = { object_lock = { days = 36501 } } }
  }

  expect_failures = [var.tally]
}

run "rejects_work_files_that_expire_before_they_are_written" {
  command = plan

  variables {
    results_pack = {}
    tally        = { publish_pack = { work_retention_days = -1 } }
  }

  expect_failures = [var.tally]
}

run "rejects_a_recount_before_the_final_result" {
  command = plan
  variables { tally = { recount_seconds = -1 } }
  expect_failures = [var.tally]
}

run "rejects_a_pool_that_is_named_by_its_id" {
  command = plan
  variables { voter_auth = { mode = "cognito", user_pool_arn = "eu-west-1_voters" } }
  expect_failures = [var.voter_auth]
}

run "rejects_what_lambda_kms_or_the_votes_table_could_not_do" {
  command = plan

  variables {
    api          = { throttling_rate_limit = 4000, vote_door = "url" }
    encryption   = { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:alias/own" } # policies name keys
    ingress      = { timeout_seconds = 10 }                                         # without a throttle
    results_pack = {}
    tally        = { publish_pack = { object_lock = { days = 0 } } }
    vote_writer  = { write_share = 1.01 }
    votes_table  = { billing_mode = "PROVISIONED", read_units = 100, write_units = 100000 }
  }

  expect_failures = [var.encryption, var.ingress, var.tally, var.vote_writer]
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
    encryption  = { kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/own" } # of another region
    ingress     = { reserved_concurrency = 5, provisioned_concurrency = 6 }
    tally       = { recount_seconds = 86401 }
    votes_table = { billing_mode = "PROVISIONED", read_units = 100, write_units = 100 }
    vote_writer = { write_share = 0.5, parallelization_factor = 2, batch_size = 626, timeout_seconds = 213 }
  }

  expect_failures = [var.encryption, var.ingress, var.tally, var.vote_writer]
}

run "rejects_a_pace_at_which_not_even_one_vote_fits" {
  command = plan

  variables {
    tally       = { timeout_seconds = 29 } # no time for its last call
    votes_table = { billing_mode = "PROVISIONED", read_units = 100, write_units = 1 }
    vote_writer = { write_share = 0.1, batch_size = 1, timeout_seconds = 60 }
  }

  expect_failures = [var.tally, var.vote_writer]
}

run "rejects_pages_that_would_need_a_key_and_openings_for_unknown_voters" {
  command = plan

  variables {
    api          = { clients = { app = { throttling_burst_limit = 1, throttling_rate_limit = 1 } }, client_keys_required = true, throttling_rate_limit = 4000 }
    results_pack = { openings = true }
    voter_auth   = { mode = "none" }
    web          = {}
  }

  expect_failures = [var.results_pack, var.web, check.voter_identity_verified]
}

run "rejects_pages_without_a_client_of_your_own_pool" {
  command = plan

  variables {
    tally      = { timeout_seconds = 901 } # Lambda's limit is 900
    voter_auth = { mode = "cognito", user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_abcdefghi" }
    web        = {}
  }

  expect_failures = [var.tally, var.web]
}

run "rejects_codes_at_the_rest_api" {
  command = plan
  variables { voter_auth = { mode = "codes" } }
  expect_failures = [var.voter_auth]
}

run "rejects_another_issuers_tokens_at_the_rest_api" {
  command = plan
  variables { voter_auth = { mode = "oidc", issuer = "https://login.example.org", audiences = ["pages"] } }
  expect_failures = [var.voter_auth]
}

run "rejects_an_issuer_without_oidc" {
  command = plan
  variables { voter_auth = { mode = "cognito", issuer = "https://login.example.org" } }
  expect_failures = [var.voter_auth]
}

run "rejects_a_claim_with_a_blank" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 4000, vote_door = "http" }
    vote_aggregator = { reserved_concurrency = 4 }
    vote_writer     = { reserved_concurrency = 4 }
    voter_auth      = { mode = "oidc", issuer = "https://login.example.org", audiences = ["pages"], voter_claim = "the name" }
  }

  expect_failures = [var.voter_auth]
}

run "rejects_batches_with_codes" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 3000, vote_door = "http", batch_enabled = true }
    vote_aggregator = { reserved_concurrency = 4 }
    vote_writer     = { reserved_concurrency = 4 }
    voter_auth      = { mode = "codes" }
  }

  expect_failures = [var.voter_auth]
}

# Values that follow from variables.

run "each_lane_gets_its_part_of_the_share_and_counting_voters_a_quarter_of_the_table" {
  command = plan

  variables {
    unique_count = {}
    votes_table  = { billing_mode = "PROVISIONED", read_units = 400, write_units = 10000 }
    vote_writer  = { write_share = 0.8, parallelization_factor = 2 }
  }

  assert {
    condition     = local.max_writes_per_second == 1000
    error_message = "10,000 units x 0.8 over 4 shards x 2 lanes are 1,000 writes/s for each lane."
  }

  assert {
    condition     = local.unique_reads_per_second == 20
    error_message = "Five invocations together use a quarter of the read units."
  }
}

run "counting_voters_leaves_capacity_in_each_partition" {
  command = plan
  variables { unique_count = {} }

  assert {
    condition     = local.unique_reads_per_second == 1000 && local.unique_counter == [{ memory_mb = 512, timeout_seconds = 300 }]
    error_message = "Votes are written to the partition at the same time, and at most five invocations may count the same poll."
  }
}

# Advice: each check warns just past its limit and is silent at it (a run whose check warns fails).

run "is_silent_at_every_limit" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 9400, throttling_burst_limit = 5000, client_keys_required = true, clients = { app = { throttling_rate_limit = 1, throttling_burst_limit = 1 } } }
    results_api     = { throttling_rate_limit = 200 }
    stream          = { shard_count = 100 }
    vote_writer     = { parallelization_factor = 9, reserved_concurrency = 900 }
    vote_aggregator = { reserved_concurrency = 100 }
  }
}

run "is_silent_where_aws_chooses_the_shards_and_voters_sign_in_behind_a_firewall" {
  command = plan

  variables {
    firewall    = { requests_per_client = 1000 }
    stream      = { mode = "ON_DEMAND" }
    vote_writer = { parallelization_factor = 10, reserved_concurrency = 1 }
    voter_auth  = { mode = "cognito" }
  }
}

run "is_silent_behind_a_door_with_reserved_consumers" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 4000, vote_door = "http", allowed_origins = ["http://localhost:8090"] }
    vote_writer     = { reserved_concurrency = 4 }
    vote_aggregator = { reserved_concurrency = 4 }
  }
}

run "warns_of_a_front_door_wider_than_the_stream_and_of_keys_that_no_vote_needs_yet" {
  command = plan
  variables { api = { throttling_rate_limit = 4001, clients = { app = { throttling_rate_limit = 1, throttling_burst_limit = 1 } } } }

  expect_failures = [check.front_door_fits_stream, check.client_keys_are_required]
}

run "warns_of_more_requests_and_invocations_than_the_account_has" {
  command = plan

  variables {
    api         = { throttling_rate_limit = 9401 }
    results_api = { throttling_rate_limit = 200 }
    stream      = { shard_count = 101 }
    vote_writer = { parallelization_factor = 9 }
  }

  expect_failures = [check.consumers_fit_account, check.front_door_fits_account]
}

run "warns_of_batches_that_share_the_rate_with_votes_and_of_a_firewall_that_would_stop_back_ends" {
  command = plan

  variables {
    api         = { throttling_rate_limit = 4701, batch_enabled = true }
    firewall    = { requests_per_client = 1000 }
    results_api = { throttling_rate_limit = 200 }
    stream      = { shard_count = 20 }
    voter_auth  = { mode = "iam" }
  }

  expect_failures = [check.firewall_counts_voters, check.front_door_fits_account]
}

run "warns_of_a_burst_that_the_account_does_not_have_a_slow_writer_and_unknown_voters" {
  command = plan

  variables {
    api         = { throttling_rate_limit = 4000, throttling_burst_limit = 5001 }
    vote_writer = { parallelization_factor = 2, reserved_concurrency = 7 }
    voter_auth  = { mode = "none" }
  }

  expect_failures = [check.front_door_fits_account, check.reserved_concurrency_reaches_every_shard, check.voter_identity_verified]
}

run "warns_of_a_door_that_could_starve_the_consumers_and_of_an_origin_that_it_cannot_match" {
  command = plan

  variables {
    api         = { throttling_rate_limit = 4000, kept_vote_doors = ["http"], allowed_origins = ["http://localhost:*"] }
    vote_writer = { reserved_concurrency = 4 }
  }

  expect_failures = [check.consumers_keep_concurrency_beside_a_door, check.door_takes_every_origin]
}
