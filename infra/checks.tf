# Advice: these settings deploy and work, but may surprise the reader of the tfvars. A check warns at plan and apply.
# A setting that must not be deployed is refused by a validation or a precondition.

check "front_door_fits_stream" {
  assert {
    condition     = var.stream.mode != "PROVISIONED" || try(var.api.throttling_rate_limit <= var.stream.shard_count * 1000, true)
    error_message = "api.throttling_rate_limit lets ${var.api.throttling_rate_limit} votes/s in, and stream.shard_count = ${coalesce(var.stream.shard_count, 0)} takes ${coalesce(var.stream.shard_count, 0) * 1000} (1,000 a shard): above that the stream, not the front door, answers 429. Add shards, or lower the rate."
  }
}

# Polls, results and receipts are read with limits of their own, and a batch has the same limit as a vote.
check "front_door_fits_account" {
  assert {
    condition     = local.api_requests_per_second <= 10000 && var.api.throttling_burst_limit <= 5000
    error_message = "The API lets ${local.api_requests_per_second} requests/s in (votes ${var.api.throttling_rate_limit}${var.api.batch_enabled ? ", batches ${var.api.throttling_rate_limit}" : ""}, and three kinds of reads at ${var.results_api.throttling_rate_limit} each), with a burst of ${var.api.throttling_burst_limit}. An account starts with 10,000/s and a burst of 5,000 over all its APIs in a region, and throttles above that. Lower api.throttling_rate_limit or results_api.throttling_rate_limit, or ask for a higher quota: make preflight ENV=<environment> prints the command."
  }
}

check "door_takes_every_origin" {
  assert {
    condition     = length(local.vote_doors) == 0 || length(local.origins_of_any_port) == 0
    error_message = "api.allowed_origins has ${join(", ", local.origins_of_any_port)}, and the door ${join(" and ", local.vote_doors)} matches whole origins only: pages there can vote through the REST API only. Add each port that you use, as in http://localhost:8000."
  }
}

check "client_keys_are_required" {
  assert {
    condition     = length(var.api.clients) == 0 || var.api.client_keys_required
    error_message = "api.clients has keys, but votes need none yet, so no client has limits of its own. Hand out the keys (terraform output api_key_ids), then set api.client_keys_required = true and apply again. An apply that does both at once refuses votes with 403 until the keys work."
  }
}

check "voter_identity_verified" {
  assert {
    condition     = var.voter_auth.mode != "none"
    error_message = "voter_auth.mode is \"none\": each request names its voter, so anyone can vote as anyone, any number of times. Use it for a demo or in a trusted network. On the internet, choose \"cognito\" or \"oidc\" (voters sign in), \"codes\" (voters have a code) or \"iam\" (your back ends vouch for them)."
  }
}

check "firewall_counts_voters" {
  assert {
    condition     = var.firewall == null || var.voter_auth.mode != "iam"
    error_message = "firewall.requests_per_client counts votes by address, and with voter_auth.mode = \"iam\" all of them come from your back ends' few addresses: it would stop those. Send batches, which it does not count, or leave the firewall out."
  }
}

check "consumers_fit_account" {
  assert {
    condition     = try(var.stream.shard_count * (var.vote_writer.parallelization_factor + 1), 0) <= 1000
    error_message = "The consumers may run ${try(var.stream.shard_count * (var.vote_writer.parallelization_factor + 1), 0)} invocations at once (shards x vote_writer.parallelization_factor, and one a shard for vote_aggregator), and an account starts with 1,000: it needs a raised concurrency quota, or batches wait."
  }
}

check "reserved_concurrency_reaches_every_shard" {
  assert {
    condition = alltrue([
      for consumer in [var.vote_writer, var.vote_aggregator] : try(consumer.reserved_concurrency >= var.stream.shard_count * consumer.parallelization_factor, true)
    ])
    error_message = "vote_writer.reserved_concurrency or vote_aggregator.reserved_concurrency is below shards x parallelization_factor: some shards wait for others at every moment. This slows the writer down on purpose; live results then fall behind."
  }
}

# The function behind these doors takes its invocations from the same pool, and voters decide how many.
check "consumers_keep_concurrency_beside_a_door" {
  assert {
    condition     = length(local.vote_doors) == 0 || length(local.unreserved_consumers) == 0
    error_message = "${join(" and ", local.unreserved_consumers)} has no reserved_concurrency, and behind the door ${join(" and ", local.vote_doors)} every vote runs a function: votes could take all of the account's concurrency, and then no vote is counted. Reserve at least one invocation for each shard, times parallelization_factor."
  }
}
