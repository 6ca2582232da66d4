locals {
  name_prefix        = "${var.project}-${var.environment}"
  identity           = "${local.name_prefix} in ${var.aws_region}"
  artifact_directory = coalesce(var.artifact_directory, "${path.root}/../dist/${var.lambda_architecture}")

  # bootstrap/ creates it under this name.
  permissions_boundary_arn = !var.permissions_boundary ? null : (
    "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:policy/pipeline/${local.name_prefix}-boundary"
  )

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

  consumers = { vote_aggregator = module.vote_aggregator, vote_writer = module.vote_writer }
  function_names = merge(
    {
      results_api     = module.results_api.function_name
      tally           = module.tally_function.function_name
      vote_aggregator = module.vote_aggregator.function_name
      vote_writer     = module.vote_writer.function_name
    },
    { for function in module.unique_counter : "unique_counter" => function.function_name },
  )

  table_names = {
    polls   = module.polls_table.table_name
    tallies = module.tallies_table.table_name
    votes   = module.votes_table.table_name
  }

  # Voters sign in to a pool of ours unless the tfvars name another.
  user_pool_created = var.voter_auth.mode == "cognito" && var.voter_auth.user_pool_arn == null
  user_pool_arn     = local.user_pool_created ? module.voters[0].user_pool_arn : var.voter_auth.user_pool_arn

  # The doors in addition to the REST API: the one that clients are sent to, and those that stay open for clients that
  # still use their addresses.
  vote_doors = toset([for door in concat([var.api.vote_door], tolist(var.api.kept_vote_doors)) : door if door != "rest"])
  votes_url  = var.api.vote_door == "rest" ? module.api.invoke_url : module.door[var.api.vote_door].votes_url

  # The vote door's own address, without api.domain in front: CloudFront's origin.
  door_url          = var.api.vote_door == "rest" ? module.api.stage_url : module.door[var.api.vote_door].votes_url
  votes_through_cdn = var.web != null && var.results_api.cdn_enabled && var.voter_auth.mode != "iam"

  # The address of the pages. Without a domain of yours CloudFront chooses one, and the user pool would need it before it
  # exists. In that case add it to voter_auth.callback_urls after the first apply.
  pages_url     = var.web == null || !var.results_api.cdn_enabled ? null : one(module.cdn[*].url)
  own_pages_url = var.web == null ? [] : [for name in try(slice(var.results_api.cdn_domain.names, 0, 1), []) : "https://${name}/vote"]
  callback_urls = distinct(concat(local.own_pages_url, var.voter_auth.callback_urls))
  logout_urls   = distinct(concat(local.own_pages_url, var.voter_auth.logout_urls))

  # How the pages sign voters in (web/README.md, `identity`).
  web_identity = {
    mode        = var.voter_auth.mode
    authority   = local.voters_sign_in ? local.sign_in.issuer : null
    client_id   = one(slice(local.sign_in.audiences, 0, min(1, length(local.sign_in.audiences))))
    scope       = local.voters_sign_in ? join(" ", concat(["openid"], local.sign_in.token_scopes)) : null
    token       = !local.voters_sign_in ? null : length(local.sign_in.token_scopes) > 0 ? "access" : "id"
    logout_url  = try("${one(module.voters).sign_in_url}/logout", null)
    voter_claim = var.voter_auth.mode == "oidc" ? var.voter_auth.voter_claim : null
  }

  voters_sign_in = contains(["cognito", "oidc"], var.voter_auth.mode)

  # Claims that tokens must have, for the doors that check them.
  sign_in = {
    audiences = (
      var.voter_auth.mode == "cognito" ? concat(var.voter_auth.client_ids, [for pool in module.voters : pool.user_pool_client_id]) :
      var.voter_auth.audiences
    )
    issuer = (
      var.voter_auth.mode == "cognito" ? "https://cognito-idp.${split(":", local.user_pool_arn)[3]}.amazonaws.com/${split("/", local.user_pool_arn)[1]}" :
      var.voter_auth.mode == "codes" ? "votestream/${var.project}/${var.environment}" :
      var.voter_auth.issuer == null ? "" : var.voter_auth.issuer
    )
    token_scopes = var.voter_auth.token_scopes
  }

  # The key that encrypts polls' keys, if voters may ask for their openings; else null.
  openings_key = try(var.results_pack.openings, false) ? module.pack_key[0].key_arn : null

  # The key for data at rest; null if each service uses its own.
  kms_key = var.encryption.kms_key_arn != null ? { arn = var.encryption.kms_key_arn } : one([for key in module.encryption_key : { arn = key.key_arn }])

  alarms_topic = !var.observability.alarms_enabled ? null : { arn = module.observability.topic_arn, kms_key = local.alarms_kms_key, runbook_url = var.observability.runbook_url }
  # Only a key with our policy. With a key that does not admit CloudWatch, alarms fail silently.
  alarms_kms_key = one([for key in module.encryption_key : { arn = key.key_arn }])

  # An invocation starts each minute and works for up to five, so a poll has at most five of them.
  unique_counter = [for settings in var.unique_count[*] : { memory_mb = settings.memory_mb, timeout_seconds = 300 }]

  # By name, because the group and the function that deletes its schedules refer to each other.
  unique_count_schedule_group = "${local.name_prefix}-unique-counts"
  unique_count_schedules      = "arn:${data.aws_partition.current.partition}:scheduler:${var.aws_region}:${data.aws_caller_identity.current.account_id}:schedule/${local.unique_count_schedule_group}/*"

  # Read units per second of one of the five. Together they use a quarter of the votes table's units. Each uses at most a
  # third of a partition's, because votes are written to that partition at the same time.
  unique_reads_per_second = min(1000, try(coalesce(var.votes_table.read_units, var.votes_table.max_read_units) / 4 / 5, 1000))

  # Write units per second of one lane of the vote writer, so that all lanes together stay within the share; 0 means no limit.
  max_writes_per_second = var.vote_writer.write_share == null ? 0 : (
    var.votes_table.write_units * var.vote_writer.write_share / (var.stream.shard_count * var.vote_writer.parallelization_factor)
  )
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
