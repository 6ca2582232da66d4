# The local cloud: the same resources as on AWS, small enough to start in half a minute.
# artifact_directory and lambda_architecture come from make (TF_VAR_...): they are this machine's.

environment            = "local"
deletion_protection    = false
failure_retention_days = 0 # the cloud lives less than a day, and the provider waits a minute for the rule
log_retention_days     = 1
poll_cache_seconds     = 1

# Every user of this machine can vote on behalf of any voter.
voter_auth = {
  mode = "none"
}

api = {
  # A page in development may vote. The doors "http" and "url" match whole origins, so the origin of `make pages` is listed, too.
  allowed_origins        = ["http://localhost:*", "http://127.0.0.1:*", "http://localhost:8090"]
  throttling_rate_limit  = 2000
  throttling_burst_limit = 1000
}

stream = {
  shard_count        = 2
  encryption_enabled = false # saves ten seconds of waiting for the stream at each fresh apply
}

polls_table = {
  billing_mode           = "PROVISIONED"
  read_units             = 10
  write_units            = 10
  point_in_time_recovery = false
}

votes_table = {
  billing_mode           = "PROVISIONED"
  read_units             = 1000
  write_units            = 1000
  point_in_time_recovery = false
}

tallies_table = {
  billing_mode           = "PROVISIONED"
  read_units             = 100
  write_units            = 100
  point_in_time_recovery = false
}

# Each consumer keeps some concurrency, because votes take theirs from the same pool with `make demo DOOR=http`.
vote_writer = {
  batch_size              = 500
  batching_window_seconds = 1
  memory_mb               = 512
  reserved_concurrency    = 8
  timeout_seconds         = 30
}

tally = {
  count_concurrency   = 4
  publish_pack        = { work_retention_days = 0 } # as failure_retention_days
  metrics_lag_seconds = 0                           # the mapping's counts come every five seconds here
  recount_seconds     = 20
  settle_seconds      = 2 # one clock stamps everything here
}

vote_aggregator = {
  batch_size              = 10000
  batching_window_seconds = 1
  memory_mb               = 512
  reserved_concurrency    = 8
  timeout_seconds         = 30
}

# `votectl export` works here.
results_pack = {}

# One vote per voter, live. Each pass over an open poll takes this machine about a second.
unique_count = {
  refresh_seconds = 30
}

# The local cloud serves the pages itself: `make demo` prints their addresses.
web = {
  title = "Votestream"
}
