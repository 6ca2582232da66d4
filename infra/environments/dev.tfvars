# Development: real AWS, idle most of the day. It costs the two shards (about $22 a month), and usage.

environment          = "dev"
deletion_protection  = false
log_level            = "DEBUG"
log_retention_days   = 7
permissions_boundary = true # made by `make bootstrap`
vote_retention_days  = 30

# No alarms, because nobody is on call. The dashboard exists anyway.
observability = {
  alarms_enabled = false
}

# Only clients with credentials of the account can vote, on behalf of any voter. votectl is one of them.
voter_auth = {
  mode = "iam"
}

api = {
  throttling_rate_limit  = 500
  throttling_burst_limit = 250
}

stream = {
  shard_count = 2 # 2,000 votes/s
}

# On demand with ceilings: an idle table costs nothing, and a runaway load test stays affordable.
polls_table = {
  max_read_units  = 100
  max_write_units = 100
}

votes_table = {
  max_read_units  = 1000
  max_write_units = 1000
}

tallies_table = {
  max_read_units  = 500
  max_write_units = 500
}

unique_count = {
  refresh_seconds = 30
}
