# Settings that must plan: two from the published sample that this system descends from, and the least and the most of
# everything. The tests of modules/stream_consumer check the settings of the mapping.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "us_east_1"
  source          = "./tests/mocks"
  override_during = plan
}

run "the_careful_setting_is_expressible" {
  command = plan

  variables {
    stream          = { mode = "ON_DEMAND" }
    vote_writer     = { batch_size = 10, batching_window_seconds = 0, enhanced_fan_out = true }
    vote_aggregator = { batch_size = 10000, batching_window_seconds = 2, enhanced_fan_out = true }
  }
}

run "the_fast_setting_is_expressible" {
  command = plan

  variables {
    stream          = { shard_count = 4 }
    votes_table     = { billing_mode = "PROVISIONED", read_units = 100, write_units = 18000 }
    vote_writer     = { batch_size = 25, batching_window_seconds = 1, enhanced_fan_out = true }
    vote_aggregator = { batch_size = 10000, batching_window_seconds = 5, enhanced_fan_out = true }
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    environment            = "stage-eu-west1"
    failure_retention_days = 3650
    log_level              = "CRITICAL"
    log_retention_days     = 3653
    poll_cache_seconds     = 300
    vote_retention_days    = 3650
    vote_writer            = { write_concurrency = 64 }
  }
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    project                = "v"
    environment            = "e"
    failure_retention_days = 0
    log_retention_days     = 1
    poll_cache_seconds     = 1
    vote_retention_days    = 0
    vote_writer            = { write_concurrency = 1 }
  }
}
