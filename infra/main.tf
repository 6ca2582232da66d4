# Modules, in the order in which a vote passes them.

module "voters" {
  source = "./modules/voters"
  count  = local.user_pool_created ? 1 : 0

  name                        = local.name_prefix
  settings                    = merge(var.voter_auth, { callback_urls = local.callback_urls, logout_urls = local.logout_urls })
  token_scopes                = var.voter_auth.token_scopes
  deletion_protection_enabled = var.deletion_protection
}

module "firewall" {
  source = "./modules/firewall"
  count  = var.firewall == null ? 0 : 1

  name            = local.name_prefix
  allowed_origins = var.api.allowed_origins
  edge_secret     = local.votes_through_cdn && var.firewall != null ? { value = terraform_data.edge_secret[0].output } : null
  settings        = var.firewall
  stage_arn       = module.api.stage_arn
}

module "api" {
  source = "./modules/api"

  name                           = local.name_prefix
  allowed_origins                = var.api.allowed_origins
  batch_enabled                  = var.api.batch_enabled
  client_keys_required           = var.api.client_keys_required
  clients                        = var.api.clients
  domain                         = var.api.domain
  results_function_name          = module.results_api.function_name
  results_invoke_arn             = module.results_api.invoke_arn
  stream_arn                     = module.stream.stream_arn
  stream_name                    = module.stream.stream_name
  access_log_enabled             = var.api.access_log_enabled
  kms_key                        = local.kms_key
  log_retention_days             = var.log_retention_days
  permissions_boundary_arn       = local.permissions_boundary_arn
  results_throttling_burst_limit = var.results_api.throttling_burst_limit
  results_throttling_rate_limit  = var.results_api.throttling_rate_limit
  throttling_burst_limit         = var.api.throttling_burst_limit
  throttling_rate_limit          = var.api.throttling_rate_limit
  token_scopes                   = var.voter_auth.token_scopes
  user_pool_arn                  = local.user_pool_arn
  voter_auth                     = var.voter_auth.mode
}

# Doors that cost less than a REST API: a function that runs for a few milliseconds, behind an HTTP API or a function URL.
module "ingress" {
  source   = "./modules/function"
  for_each = local.vote_doors

  name               = "ingress"
  deployment         = merge(local.deployment, { name_prefix = "${local.name_prefix}-${each.key}" })
  description        = "Puts votes into the stream, behind the ${each.key} door"
  handler            = "ingress.handler.lambda_handler"
  settings           = var.ingress
  key_uses           = merge({ kinesis = ["kms:GenerateDataKey"] }, var.voter_auth.mode == "codes" ? { dynamodb = ["kms:Decrypt"] } : {})
  log_warnings_only  = true
  versions_published = true

  environment_variables = {
    VOTESTREAM_AUDIENCES     = join(" ", local.sign_in.audiences)
    VOTESTREAM_BATCH_ENABLED = tostring(var.api.batch_enabled)
    VOTESTREAM_CODE_KEY      = join("", [for key in module.code_key : "${key.key_id}:${key.public_key}"])
    VOTESTREAM_ISSUER        = local.sign_in.issuer
    VOTESTREAM_POLLS_TABLE   = var.voter_auth.mode == "codes" ? module.polls_table.table_name : ""
    VOTESTREAM_STREAM        = module.stream.stream_name
    VOTESTREAM_TOKEN_SCOPES  = join(" ", local.sign_in.token_scopes)
    VOTESTREAM_VOTE_DOOR     = each.key
    VOTESTREAM_VOTER_AUTH    = var.voter_auth.mode
    VOTESTREAM_VOTER_CLAIM   = var.voter_auth.mode == "oidc" ? var.voter_auth.voter_claim : ""
  }

  permissions = merge(
    {
      PutVotes = {
        actions   = var.api.batch_enabled ? ["kinesis:PutRecord", "kinesis:PutRecords"] : ["kinesis:PutRecord"]
        resources = [module.stream.stream_arn]
      }
    },
    # The batches of codes and whether they are void, and nothing else of a poll.
    var.voter_auth.mode != "codes" ? {} : {
      ReadBatchesOfCodes = {
        actions   = ["dynamodb:GetItem"]
        resources = [module.polls_table.table_arn]
        condition = {
          "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["code_batches", "poll_id"] }
          "StringEqualsIfExists"      = { "dynamodb:Select" = ["SPECIFIC_ATTRIBUTES"] }
        }
      }
    },
  )
}

# Signs voters' codes. Operators may use it (votectl codes), functions may not. A new key would void every code.
module "code_key" {
  source = "./modules/kms_key"
  count  = var.voter_auth.mode == "codes" ? 1 : 0

  name                        = "${local.name_prefix}-codes"
  description                 = "Signs voters' codes: ${local.name_prefix}"
  signing_spec                = "RSA_2048"
  deletion_protection_enabled = var.deletion_protection
}

module "door" {
  source   = "./modules/door"
  for_each = local.vote_doors

  name                    = local.name_prefix
  kind                    = each.key
  allowed_origins         = var.api.allowed_origins
  batch_enabled           = var.api.batch_enabled
  clients                 = keys(var.api.clients)
  firewall_enabled        = var.firewall != null
  provisioned_concurrency = var.ingress.provisioned_concurrency
  sign_in                 = local.sign_in
  throttling_burst_limit  = var.api.throttling_burst_limit
  throttling_rate_limit   = var.api.throttling_rate_limit
  voter_auth              = var.voter_auth.mode

  function = {
    name    = module.ingress[each.key].function_name
    version = module.ingress[each.key].version
  }
}

# Encrypts data at rest with a key whose use you can audit, and that you can revoke.
module "encryption_key" {
  source = "./modules/kms_key"
  count  = var.encryption.customer_managed_key ? 1 : 0

  name                        = local.name_prefix
  description                 = "Votes at rest: ${local.name_prefix}"
  deletion_protection_enabled = var.deletion_protection
  log_group_names             = ["/aws/lambda/${local.name_prefix}-*", "/aws/api-gateway/${local.name_prefix}"]
}

module "stream" {
  source = "./modules/kinesis"

  name                = "${local.name_prefix}-votes"
  encryption_enabled  = var.stream.encryption_enabled
  kms_key             = local.kms_key
  mode                = var.stream.mode
  retention_hours     = var.stream.retention_hours
  shard_count         = var.stream.shard_count
  shard_level_metrics = var.stream.shard_level_metrics
}

module "polls_table" {
  source = "./modules/dynamodb"

  name_prefix                 = local.name_prefix
  table                       = "polls"
  settings                    = var.polls_table
  kms_key                     = local.kms_key
  deletion_protection_enabled = var.deletion_protection
}

module "vote_writer" {
  source = "./modules/stream_consumer"

  name                        = "vote_writer"
  deployment                  = local.deployment
  handler                     = "vote_writer.handler.lambda_handler"
  settings                    = var.vote_writer
  held_lanes                  = module.tally.held_lanes
  key_uses                    = { dynamodb = ["kms:Decrypt"] }
  stream_arn                  = module.stream.stream_arn
  stream_retention_hours      = var.stream.retention_hours
  failure_retention_days      = var.failure_retention_days
  deletion_protection_enabled = var.deletion_protection

  environment_variables = {
    VOTESTREAM_ENVIRONMENT           = var.environment
    VOTESTREAM_LOG_LEVEL             = var.log_level
    VOTESTREAM_MAX_WRITES_PER_SECOND = local.max_writes_per_second
    VOTESTREAM_POLL_CACHE_SECONDS    = var.poll_cache_seconds
    VOTESTREAM_POLLS_TABLE           = module.polls_table.table_name
    VOTESTREAM_TALLIES_TABLE         = module.tallies_table.table_name
    VOTESTREAM_VOTE_RETENTION_DAYS   = var.vote_retention_days
    VOTESTREAM_VOTES_TABLE           = module.votes_table.table_name
    VOTESTREAM_WRITE_CONCURRENCY     = var.vote_writer.write_concurrency
  }

  permissions = {
    PassMarkers = { actions = ["dynamodb:UpdateItem"], resources = [module.tallies_table.table_arn] }
    ReadPolls   = { actions = ["dynamodb:BatchGetItem"], resources = [module.polls_table.table_arn] }
    StoreVotes = {
      actions   = ["dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"]
      resources = [module.votes_table.table_arn]
    }
  }
}

module "votes_table" {
  source = "./modules/dynamodb"

  name_prefix                 = local.name_prefix
  table                       = "votes"
  settings                    = var.votes_table
  kms_key                     = local.kms_key
  deletion_protection_enabled = var.deletion_protection
}

module "vote_aggregator" {
  source = "./modules/stream_consumer"

  name                        = "vote_aggregator"
  deployment                  = local.deployment
  handler                     = "vote_aggregator.handler.lambda_handler"
  settings                    = var.vote_aggregator
  key_uses                    = { dynamodb = ["kms:Decrypt"] }
  order_required              = true
  stream_arn                  = module.stream.stream_arn
  stream_retention_hours      = var.stream.retention_hours
  failure_retention_days      = var.failure_retention_days
  deletion_protection_enabled = var.deletion_protection

  environment_variables = {
    VOTESTREAM_ENVIRONMENT        = var.environment
    VOTESTREAM_LOG_LEVEL          = var.log_level
    VOTESTREAM_POLL_CACHE_SECONDS = var.poll_cache_seconds
    VOTESTREAM_POLLS_TABLE        = module.polls_table.table_name
    VOTESTREAM_TALLIES_TABLE      = module.tallies_table.table_name
  }

  permissions = {
    CountVotes = { actions = ["dynamodb:UpdateItem"], resources = [module.tallies_table.table_arn] }
    ReadPolls  = { actions = ["dynamodb:BatchGetItem"], resources = [module.polls_table.table_arn] }
  }
}

module "tallies_table" {
  source = "./modules/dynamodb"

  name_prefix                 = local.name_prefix
  table                       = "tallies"
  settings                    = var.tallies_table
  kms_key                     = local.kms_key
  deletion_protection_enabled = var.deletion_protection
}

# Takes the steps of a tally, one per invocation.
module "tally_function" {
  source = "./modules/function"

  name        = "tally"
  deployment  = local.deployment
  description = "Takes the steps that make a poll's result final"
  handler     = "tally.handler.lambda_handler"
  key_uses    = { dynamodb = ["kms:Decrypt"], kinesis = ["kms:GenerateDataKey"] }

  settings = {
    memory_mb       = var.tally.memory_mb
    timeout_seconds = var.tally.timeout_seconds
  }

  environment_variables = {
    VOTESTREAM_COUNT_CONCURRENCY     = var.tally.count_concurrency
    VOTESTREAM_ENVIRONMENT           = var.environment
    VOTESTREAM_LOG_LEVEL             = var.log_level
    VOTESTREAM_METRICS_LAG_SECONDS   = var.tally.metrics_lag_seconds
    VOTESTREAM_POLLS_TABLE           = module.polls_table.table_name
    VOTESTREAM_RECOUNT_SECONDS       = var.tally.recount_seconds
    VOTESTREAM_SETTLE_SECONDS        = var.tally.settle_seconds
    VOTESTREAM_STREAM                = module.stream.stream_name
    VOTESTREAM_TALLIES_TABLE         = module.tallies_table.table_name
    VOTESTREAM_VOTES_TABLE           = module.votes_table.table_name
    VOTESTREAM_WRITER_FAILURE_BUCKET = module.vote_writer.failure_bucket_name
    VOTESTREAM_WRITER_FUNCTION       = module.vote_writer.function_name
    VOTESTREAM_WRITER_LANES          = var.vote_writer.parallelization_factor
    VOTESTREAM_WRITER_MAPPING        = module.vote_writer.event_source_mapping_id
  }

  permissions = {
    CountVotes = { actions = ["dynamodb:Query"], resources = [module.votes_table.table_arn] }
    # CloudWatch does not support resources for this action.
    CountLosses       = { actions = ["cloudwatch:GetMetricData"], resources = ["*"] }
    FindFailedBatches = { actions = ["s3:ListBucket"], resources = [module.vote_writer.failure_bucket_arn] }
    KeepResults = {
      actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
      resources = [module.tallies_table.table_arn]
    }
    PutMarkers  = { actions = ["kinesis:ListShards", "kinesis:PutRecords"], resources = [module.stream.stream_arn] }
    ReadMapping = { actions = ["lambda:GetEventSourceMapping"], resources = [module.vote_writer.event_source_mapping_arn] }
    ReadPolls   = { actions = ["dynamodb:BatchGetItem"], resources = [module.polls_table.table_arn] }
  }
}

module "tally" {
  source = "./modules/tally"

  name_prefix              = local.name_prefix
  count_concurrency        = var.tally.count_concurrency
  function_arn             = module.tally_function.function_arn
  tallies_table_name       = module.tallies_table.table_name
  alarms_topic             = local.alarms_topic
  pack                     = one([for publishing in module.results_pack_function : { function_arn = publishing.function_arn }])
  permissions_boundary_arn = local.permissions_boundary_arn
}

# Counts each voter once while a poll is open.
module "unique_counter" {
  source = "./modules/function"
  count  = length(local.unique_counter)

  name        = "unique_counter"
  deployment  = local.deployment
  description = "Counts each voter of an open poll once"
  handler     = "unique_counter.handler.lambda_handler"
  settings    = local.unique_counter[count.index]
  key_uses    = { dynamodb = ["kms:Decrypt"] }

  environment_variables = {
    VOTESTREAM_ENVIRONMENT          = var.environment
    VOTESTREAM_LOG_LEVEL            = var.log_level
    VOTESTREAM_MAX_READS_PER_SECOND = local.unique_reads_per_second
    VOTESTREAM_POLLS_TABLE          = module.polls_table.table_name
    VOTESTREAM_REFRESH_SECONDS      = var.unique_count.refresh_seconds
    VOTESTREAM_SCHEDULE_GROUP       = local.unique_count_schedule_group
    VOTESTREAM_TALLIES_TABLE        = module.tallies_table.table_name
    VOTESTREAM_VOTES_TABLE          = module.votes_table.table_name
  }

  permissions = {
    CountVotes   = { actions = ["dynamodb:Query"], resources = [module.votes_table.table_arn] }
    EndSchedules = { actions = ["scheduler:DeleteSchedule"], resources = [local.unique_count_schedules] }
    KeepCounts = {
      actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
      resources = [module.tallies_table.table_arn]
    }
    ReadPolls = { actions = ["dynamodb:BatchGetItem"], resources = [module.polls_table.table_arn] }
  }
}

module "unique_count" {
  source = "./modules/unique_count"
  count  = length(local.unique_counter)

  name                     = local.unique_count_schedule_group
  function_arn             = module.unique_counter[count.index].function_arn
  function_name            = module.unique_counter[count.index].function_name
  permissions_boundary_arn = local.permissions_boundary_arn
}

# Serves viewers.

module "results_api" {
  source = "./modules/function"

  name        = "results_api"
  deployment  = local.deployment
  description = "Answers viewers' requests: polls, results, receipts"
  handler     = "results_api.handler.lambda_handler"
  settings    = var.results_api
  key_uses    = { dynamodb = ["kms:Decrypt"] }

  environment_variables = {
    VOTESTREAM_ENVIRONMENT         = var.environment
    VOTESTREAM_LOG_LEVEL           = var.log_level
    VOTESTREAM_OPENINGS_KEY        = local.openings_key == null ? "" : local.openings_key
    VOTESTREAM_POLLS_TABLE         = module.polls_table.table_name
    VOTESTREAM_TALLIES_TABLE       = module.tallies_table.table_name
    VOTESTREAM_VOTE_RETENTION_DAYS = var.vote_retention_days
    VOTESTREAM_VOTER_AUTH          = var.voter_auth.mode
    VOTESTREAM_VOTES_TABLE         = module.votes_table.table_name
  }

  permissions = merge({
    ReadPolls   = { actions = ["dynamodb:BatchGetItem"], resources = [module.polls_table.table_arn] }
    ReadTallies = { actions = ["dynamodb:GetItem", "dynamodb:Query"], resources = [module.tallies_table.table_arn] }
    # The version of a voter's stored vote, but not the choice: IAM denies requests for that attribute or for all
    # attributes.
    ReadVersions = {
      actions   = ["dynamodb:GetItem"]
      resources = [module.votes_table.table_arn]
      condition = {
        "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["poll_bucket", "voter", "version"] }
        "StringEqualsIfExists"      = { "dynamodb:Select" = ["SPECIFIC_ATTRIBUTES"] }
      }
    }
    },
    # With a poll's key and a voter's version it makes the voter's opening. It may not create a key.
    local.openings_key == null ? {} : {
      ReadPollKeys = { actions = ["kms:Decrypt"], resources = [local.openings_key] }
    },
  )
}

# The pages for voters and viewers.
module "web" {
  source = "./modules/web"
  count  = var.web == null ? 0 : 1

  name             = local.name_prefix
  cdn_enabled      = var.results_api.cdn_enabled
  distribution_arn = var.results_api.cdn_enabled ? module.cdn[0].distribution_arn : null
  identity         = local.web_identity
  openings_enabled = try(var.results_pack.openings, false)
  settings         = var.web
}

module "cdn" {
  source = "./modules/cdn"
  count  = var.results_api.cdn_enabled ? 1 : 0

  name                 = local.name_prefix
  api_domain_name      = "${module.api.api_id}.execute-api.${var.aws_region}.amazonaws.com"
  api_stage            = module.api.stage_name
  domain               = var.results_api.cdn_domain
  edge_secret          = local.votes_through_cdn && var.firewall != null ? { value = terraform_data.edge_secret[0].output } : null
  origin_shield_region = coalesce(var.results_api.cdn_origin_shield_region, var.aws_region)
  web_acl_arn          = one(module.edge_firewall[*].web_acl_arn)

  # The bucket's policy names the distribution, so the two modules pass single outputs to each other, to avoid a cycle.
  pages = var.web == null ? null : {
    bucket_domain_name = module.web[0].bucket_domain_name
    security_policy    = module.web[0].security_policy
  }

  votes_origin = !local.votes_through_cdn ? null : {
    domain_name = regex("^https://([^/]+)", local.door_url)[0]
    path        = trimsuffix(regex("^https://[^/]+(.*)", local.door_url)[0], "/")
  }
}

# The firewall in front of pages and of votes that come through CloudFront: the API's own sees only CloudFront's
# addresses. AWS takes it in us-east-1 only.
module "edge_firewall" {
  source = "./modules/firewall"
  count  = local.votes_through_cdn && var.firewall != null ? 1 : 0

  providers = {
    aws = aws.us_east_1
  }

  name            = local.name_prefix
  allowed_origins = var.api.allowed_origins
  scope           = "CLOUDFRONT"
  settings        = merge(var.firewall, { forwarded_ip_header = null })
}

# Marks requests that CloudFront's firewall has counted already, for the API's firewall. Random, and stored in the state only.
resource "terraform_data" "edge_secret" {
  count = local.votes_through_cdn && var.firewall != null ? 1 : 0

  input = sensitive(uuid())

  lifecycle {
    ignore_changes = [input]
  }
}

# Encrypts the data keys of polls, for results packs.
module "pack_key" {
  source = "./modules/kms_key"
  count  = var.results_pack == null ? 0 : 1

  name                        = "${local.name_prefix}-results-pack"
  description                 = "Keys of polls for results packs: ${local.name_prefix}"
  deletion_protection_enabled = var.deletion_protection
}

# Signs results packs. Its fingerprint is published, so it never changes.
module "pack_signing_key" {
  source = "./modules/kms_key"
  count  = var.results_pack == null ? 0 : 1

  name                        = "${local.name_prefix}-results-pack-signing"
  description                 = "Signs results packs: ${local.name_prefix}"
  signing_spec                = "RSA_3072"
  deletion_protection_enabled = var.deletion_protection
}

# The bucket that the tally publishes results packs in.
module "results_pack" {
  source = "./modules/results_pack"
  count  = var.results_pack == null ? 0 : 1

  name                        = local.name_prefix
  deletion_protection_enabled = var.deletion_protection
  publication                 = var.tally.publish_pack
}

# Takes the steps of publishing a pack, one per invocation.
module "results_pack_function" {
  source = "./modules/function"
  count  = var.tally.publish_pack == null ? 0 : 1

  name        = "results_pack"
  deployment  = local.deployment
  description = "Takes the steps that publish a final poll's results pack"
  handler     = "results_pack.handler.lambda_handler"
  key_uses    = { dynamodb = ["kms:Decrypt"] }

  # A part is sorted in memory: 360,000 lines take some 150 MB.
  settings = {
    memory_mb       = max(512, var.tally.memory_mb)
    timeout_seconds = var.tally.timeout_seconds
  }

  environment_variables = {
    VOTESTREAM_COUNT_CONCURRENCY = var.tally.count_concurrency
    VOTESTREAM_ENVIRONMENT       = var.environment
    VOTESTREAM_LOG_LEVEL         = var.log_level
    VOTESTREAM_PACK_BUCKET       = module.results_pack[0].bucket_name
    VOTESTREAM_PACK_KEY          = module.pack_key[0].key_arn
    VOTESTREAM_PACK_LOCK_DAYS    = try(var.tally.publish_pack.object_lock.days, 0)
    VOTESTREAM_PACK_LOCK_MODE    = try(var.tally.publish_pack.object_lock.mode, "GOVERNANCE")
    VOTESTREAM_PACK_SIGNING_KEY  = module.pack_signing_key[0].key_arn
    VOTESTREAM_POLLS_TABLE       = module.polls_table.table_name
    VOTESTREAM_TALLIES_TABLE     = module.tallies_table.table_name
    VOTESTREAM_VOTES_TABLE       = module.votes_table.table_name
  }

  permissions = merge(
    {
      KeepProgress = {
        actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
        resources = [module.tallies_table.table_arn]
      }
      ListFiles    = { actions = ["s3:ListBucket"], resources = [module.results_pack[0].bucket_arn] }
      MakePollKeys = { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [module.pack_key[0].key_arn] }
      ReadPolls    = { actions = ["dynamodb:BatchGetItem"], resources = [module.polls_table.table_arn] }
      ReadVotes    = { actions = ["dynamodb:Query"], resources = [module.votes_table.table_arn] }
      Sign         = { actions = ["kms:GetPublicKey", "kms:Sign"], resources = [module.pack_signing_key[0].key_arn] }
      WriteFiles = {
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = [for prefix in ["packs", "work"] : "${module.results_pack[0].bucket_arn}/${prefix}/*"]
      }
    },
    try(var.tally.publish_pack.object_lock, null) == null ? {} : {
      LockPacks = { actions = ["s3:PutObjectRetention"], resources = ["${module.results_pack[0].bucket_arn}/packs/*"] }
    },
  )
}

# Alarms and the dashboard.
module "observability" {
  source = "./modules/observability"

  name_prefix         = local.name_prefix
  environment         = var.environment
  kms_key             = local.alarms_kms_key
  settings            = var.observability
  schedule_group_name = module.tally.schedule_group_name
  state_machine_arn   = module.tally.state_machine_arn

  api = {
    name                  = module.api.api_name
    stage_name            = module.api.stage_name
    throttling_rate_limit = var.api.throttling_rate_limit
    votes_path            = module.api.votes_path
    results_path          = module.api.results_path
  }

  door = var.api.vote_door == "rest" ? null : {
    function_name        = module.ingress[var.api.vote_door].function_name
    metrics              = module.door[var.api.vote_door].metrics
    reserved_concurrency = var.api.vote_door == "url" ? var.ingress.reserved_concurrency : null
    timeout_seconds      = var.ingress.timeout_seconds
  }

  consumers = {
    for name, consumer in { vote_aggregator = var.vote_aggregator, vote_writer = var.vote_writer } : name => {
      batching_window_seconds               = consumer.batching_window_seconds
      event_source_mapping_id               = local.consumers[name].event_source_mapping_id
      failure_bucket_name                   = local.consumers[name].failure_bucket_name
      maximum_record_age_seconds            = consumer.maximum_record_age_seconds
    }
  }

  functions = {
    for name, settings in merge(
      { for name, settings in { results_api = var.results_api, tally = var.tally, vote_aggregator = var.vote_aggregator, vote_writer = var.vote_writer } : name => { memory_mb = settings.memory_mb, timeout_seconds = settings.timeout_seconds } },
      { for settings in local.unique_counter : "unique_counter" => settings },
      ) : name => {
      function_name   = local.function_names[name]
      memory_mb       = settings.memory_mb
      timeout_seconds = settings.timeout_seconds
    }
  }

  stream = {
    name            = module.stream.stream_name
    retention_hours = var.stream.retention_hours
    shard_count     = var.stream.shard_count
  }

  tables = {
    for name, settings in { polls = var.polls_table, tallies = var.tallies_table, votes = var.votes_table } : name => {
      name                        = local.table_names[name]
      billing_mode                = settings.billing_mode
      max_write_units             = settings.max_write_units
    }
  }

  unique_count = one([for schedules in module.unique_count : {
    refresh_seconds     = var.unique_count.refresh_seconds
    schedule_group_name = schedules.schedule_group_name
  }])
}
