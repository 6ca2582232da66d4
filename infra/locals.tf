# Values that follow from the variables alone. tests/variables checks them in milliseconds; those that need a module are in
# wiring.tf.
locals {
  name_prefix        = "${var.project}-${var.environment}"
  identity           = "${local.name_prefix} in ${var.aws_region}"
  artifact_directory = coalesce(var.artifact_directory, "${path.root}/../dist/${var.lambda_architecture}")

  # A stage's limit holds for each method: votes, batches, and three kinds of reads.
  api_requests_per_second = var.api.throttling_rate_limit * (var.api.batch_enabled ? 2 : 1) + 3 * var.results_api.throttling_rate_limit

  # Values that checks.tf warns about.
  origins_of_any_port = [for origin in var.api.allowed_origins : origin if endswith(origin, ":*")]
  unreserved_consumers = [
    for name, reserved in {
      vote_aggregator = var.vote_aggregator.reserved_concurrency
      vote_writer     = var.vote_writer.reserved_concurrency
    } : name if reserved == null
  ]

  # Voters sign in to a pool of ours unless the tfvars name another.
  user_pool_created = var.voter_auth.mode == "cognito" && var.voter_auth.user_pool_arn == null
  voters_sign_in    = contains(["cognito", "oidc"], var.voter_auth.mode)

  # The doors in addition to the REST API: the one that clients are sent to, and those that stay open for clients that
  # still use their addresses.
  vote_doors = toset([for door in concat([var.api.vote_door], tolist(var.api.kept_vote_doors)) : door if door != "rest"])

  # Signed votes name the API's own host in their signature, so they cannot come through CloudFront.
  votes_through_cdn = var.web != null && var.results_api.cdn_enabled && var.voter_auth.mode != "iam"

  # The address of the pages, if the tfvars name it. Otherwise CloudFront chooses one, and the user pool would need it before
  # it exists: add it to voter_auth.callback_urls after the first apply.
  own_pages_url = var.web == null ? [] : [for name in try(slice(var.results_api.cdn_domain.names, 0, 1), []) : "https://${name}/vote"]
  callback_urls = distinct(concat(local.own_pages_url, var.voter_auth.callback_urls))
  logout_urls   = distinct(concat(local.own_pages_url, var.voter_auth.logout_urls))

  # An invocation starts each minute and works for up to five, so a poll has at most five at once.
  unique_counter = [for settings in var.unique_count[*] : { memory_mb = settings.memory_mb, timeout_seconds = 300 }]

  # By name, because the group and the function that deletes its schedules refer to each other.
  unique_count_schedule_group = "${local.name_prefix}-unique-counts"

  # Read units per second of one of the five. Together they use a quarter of the votes table's units. Each uses at most a
  # third of a partition's, because votes are written to that partition at the same time.
  unique_reads_per_second = min(1000, try(coalesce(var.votes_table.read_units, var.votes_table.max_read_units) / 4 / 5, 1000))

  # Write units per second of one lane of the vote writer, so that all lanes together stay within the share; 0 means no limit.
  max_writes_per_second = var.vote_writer.write_share == null ? 0 : (
    var.votes_table.write_units * var.vote_writer.write_share / (var.stream.shard_count * var.vote_writer.parallelization_factor)
  )
}
