# A show: up to 9,400 votes/s, all stored within minutes of the peak, live results two seconds behind.
# To resize, edit only this file. Every change here is made in place while votes flow (README, "Resizing").

environment          = "prod"
deletion_protection  = true
log_retention_days   = 90
permissions_boundary = true # made by `make bootstrap`
vote_retention_days  = 365

# Voters sign in. Your staff creates their accounts and knows that they are different people; with
# sign_up_enabled = true people create their own, one for each e-mail address.
voter_auth = {
  mode = "cognito"
}

# Enough for a campus or a mobile carrier's gateway, too few for a program that tries accounts.
firewall = {
  requests_per_client = 10000
  window_seconds      = 300
}

# An account starts with 10,000 requests/s and a burst of 5,000, over all its APIs in the region. Reads take 3 x 200 of
# it (results_api below). For more, raise the quota first: `make preflight ENV=prod` prints the command.
# Requests above the limit get 429 with Retry-After.
api = {
  throttling_rate_limit  = 9400
  throttling_burst_limit = 5000
}

# A shard takes 1,000 records/s. 10,000 votes/s at 70 % use, because keys never spread evenly: 15 shards.
# Kinesis at most doubles the shards in one change and makes ten changes in 24 hours: be at full size the
# day before, go back the day after. Retention leaves 48 hours to repair a consumer before the first vote is lost. The
# second day costs $0.020 per shard-hour on top of $0.015.
stream = {
  shard_count         = 15
  retention_hours     = 48
  shard_level_metrics = ["IncomingRecords", "WriteProvisionedThroughputExceeded"]
}

# Read once every poll_cache_seconds by each running function, and written by a few operators.
polls_table = {
  max_read_units  = 1000
  max_write_units = 100
}

# One write unit per voter and poll. On demand serves 4,000 writes/s on a new table and twice the previous
# peak after that; the stream holds the rest. To serve 10,000/s from the first second, set
# billing_mode = "PROVISIONED" with read_units and write_units = 10000 for the day ($6.50 an hour).
votes_table = {
  max_read_units  = 20000 # the final count reads every vote once
  max_write_units = 20000
}

# polls x shards / window = 7.5 writes/s for each open poll.
tallies_table = {
  max_read_units  = 4000
  max_write_units = 2000
}

# 15 shards x 2 = 30 concurrent invocations, each with 4 x 25 votes in progress.
vote_writer = {
  batch_size                 = 500
  batching_window_seconds    = 1
  parallelization_factor     = 2
  memory_mb                  = 1769 # one vCPU
  maximum_record_age_seconds = 86400
}

vote_aggregator = {
  batch_size              = 10000
  batching_window_seconds = 2
  memory_mb               = 1769
}

# A tally begins 30 seconds after the end. Kinesis stamps a vote's arrival and promises no accuracy for it; clocks were
# never seen more than a few seconds apart, so 30 are a wide margin. The failure bucket has to stay
# empty for the same time. The recount, 15 minutes after the final result, finds votes that come even later.
# CloudWatch's counts of lost records come every minute; they have to reach two minutes beyond the last marker.
tally = {
  metrics_lag_seconds = 120
  recount_seconds     = 900
  settle_seconds      = 30
}

# A million viewers ask CloudFront, and CloudFront asks the API about once a second for each answer. The rest of the
# 200/s is for receipts, which are not cached.
# If the account has enough concurrency (a new one has 10 in all, and 100 must stay unreserved), reserve some: then a
# flood of reads cannot take the consumers' invocations. reserved_concurrency = 50.
results_api = {
  cdn_enabled            = true
  throttling_rate_limit  = 200
  throttling_burst_limit = 100
}

# Alarms: add the addresses of on-call (each confirms once) or the topic of your paging service. Live results are on
# television, so 30 seconds is late. A peak has to be stored within ten minutes.
observability = {
  live_lag_seconds    = 30
  storing_lag_seconds = 600
}

# Anyone can verify a result: `votectl export` needs two keys, $2 a month.
results_pack = {}

# One vote per voter, live, beside the votes received. A million stored votes cost $0.005 a refresh, $0.55 an hour.
unique_count = {
  refresh_seconds = 30
}

# Pages to vote on and to watch. docs/run-a-show.md: your own domain (results_api.cdn_domain), title, colour and logo.
web = {}
