# Advice at plan: each check warns just past its limit and is silent at it (a run whose check warns fails).
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "us_east_1"
  source          = "./tests/mocks"
  override_during = plan
}

run "is_silent_at_every_limit" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 9400, throttling_burst_limit = 5000 }
    results_api     = { throttling_rate_limit = 200 }
    stream          = { shard_count = 100 }
    vote_writer     = { parallelization_factor = 9, reserved_concurrency = 900 }
    vote_aggregator = { reserved_concurrency = 100 }
  }
}

run "is_silent_where_aws_chooses_the_shards" {
  command = plan

  variables {
    stream      = { mode = "ON_DEMAND" }
    vote_writer = { parallelization_factor = 10, reserved_concurrency = 1 }
  }
}

run "warns_of_a_front_door_wider_than_the_stream" {
  command = plan

  variables {
    api    = { throttling_rate_limit = 4001 }
    stream = { shard_count = 4 }
  }

  expect_failures = [check.front_door_fits_stream]
}

run "warns_of_a_rate_that_the_account_does_not_have" {
  command = plan

  variables {
    api         = { throttling_rate_limit = 9401 }
    results_api = { throttling_rate_limit = 200 }
    stream      = { shard_count = 20 }
  }

  expect_failures = [check.front_door_fits_account]
}

run "warns_of_batches_that_share_the_rate_with_votes" {
  command = plan

  variables {
    api         = { throttling_rate_limit = 4701, batch_enabled = true }
    results_api = { throttling_rate_limit = 200 }
    stream      = { shard_count = 20 }
  }

  expect_failures = [check.front_door_fits_account]
}

run "warns_of_keys_that_no_vote_needs_yet" {
  command = plan

  variables {
    api = { throttling_rate_limit = 4000, clients = { app = { throttling_rate_limit = 1, throttling_burst_limit = 1 } } }
  }

  expect_failures = [check.client_keys_are_required]
}

run "is_silent_where_votes_need_a_key" {
  command = plan

  variables {
    api = { throttling_rate_limit = 4000, client_keys_required = true, clients = { app = { throttling_rate_limit = 1, throttling_burst_limit = 1 } } }
  }
}

run "warns_of_a_burst_that_the_account_does_not_have" {
  command = plan

  variables {
    api    = { throttling_rate_limit = 4000, throttling_burst_limit = 5001 }
    stream = { shard_count = 20 }
  }

  expect_failures = [check.front_door_fits_account]
}

run "warns_of_more_invocations_than_the_account_has" {
  command = plan

  variables {
    stream      = { shard_count = 101 }
    vote_writer = { parallelization_factor = 9 }
  }

  expect_failures = [check.consumers_fit_account]
}

run "warns_of_a_writer_that_is_held_back" {
  command = plan

  variables {
    stream      = { shard_count = 4 }
    vote_writer = { parallelization_factor = 2, reserved_concurrency = 7 }
  }

  expect_failures = [check.reserved_concurrency_reaches_every_shard]
}

run "warns_without_voter_identity" {
  command = plan

  variables {
    voter_auth = { mode = "none" }
  }

  expect_failures = [check.voter_identity_verified]
}

run "is_silent_where_voters_sign_in_behind_a_firewall" {
  command = plan

  variables {
    voter_auth = { mode = "cognito" }
    firewall   = { requests_per_client = 1000 }
  }
}

run "warns_of_a_firewall_that_would_stop_back_ends" {
  command = plan

  variables {
    voter_auth = { mode = "iam" }
    firewall   = { requests_per_client = 1000 }
  }

  expect_failures = [check.firewall_counts_voters]
}

run "is_silent_behind_a_door_with_reserved_consumers" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 4000, vote_door = "http", allowed_origins = ["http://localhost:8090"] }
    vote_writer     = { reserved_concurrency = 4 }
    vote_aggregator = { reserved_concurrency = 4 }
  }
}

run "warns_of_a_door_that_could_starve_the_consumers" {
  command = plan

  variables {
    api         = { throttling_rate_limit = 4000, vote_door = "http" }
    vote_writer = { reserved_concurrency = 4 }
  }

  expect_failures = [check.consumers_keep_concurrency_beside_a_door]
}

run "warns_of_an_origin_that_a_door_can_not_match" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 4000, kept_vote_doors = ["http"], allowed_origins = ["http://localhost:*"] }
    vote_writer     = { reserved_concurrency = 4 }
    vote_aggregator = { reserved_concurrency = 4 }
  }

  expect_failures = [check.door_takes_every_origin]
}
