# What modules get from each other.
locals {
  # bootstrap/ creates it under this name.
  permissions_boundary_arn = !var.permissions_boundary ? null : (
    "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:policy/pipeline/${local.name_prefix}-boundary"
  )

  # What all functions have in common.
  deployment = {
    architecture             = var.lambda_architecture
    artifact_directory       = local.artifact_directory
    kms_key                  = local.kms_key
    log_retention_days       = var.log_retention_days
    name_prefix              = local.name_prefix
    permissions_boundary_arn = local.permissions_boundary_arn
  }

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

  user_pool_arn = local.user_pool_created ? module.voters[0].user_pool_arn : var.voter_auth.user_pool_arn

  votes_url = var.api.vote_door == "rest" ? module.api.invoke_url : module.door[var.api.vote_door].votes_url

  # The vote door's own address, without api.domain in front: CloudFront's origin.
  door_url = var.api.vote_door == "rest" ? module.api.stage_url : module.door[var.api.vote_door].votes_url

  pages_url = var.web == null || !var.results_api.cdn_enabled ? null : one(module.cdn[*].url)

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

  unique_count_schedules = "arn:${data.aws_partition.current.partition}:scheduler:${var.aws_region}:${data.aws_caller_identity.current.account_id}:schedule/${local.unique_count_schedule_group}/*"
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
