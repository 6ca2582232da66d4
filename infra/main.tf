# In the order a vote travels.

module "api" {
  source = "./modules/api"

  name                   = local.name_prefix
  stream_arn             = module.stream.stream_arn
  stream_name            = module.stream.stream_name
  access_log_enabled     = var.api.access_log_enabled
  log_retention_days     = var.log_retention_days
  throttling_burst_limit = var.api.throttling_burst_limit
  throttling_rate_limit  = var.api.throttling_rate_limit
}

module "stream" {
  source = "./modules/kinesis"

  name                = "${local.name_prefix}-votes"
  encryption_enabled  = var.stream.encryption_enabled
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
  deletion_protection_enabled = var.deletion_protection
}

module "vote_writer" {
  source = "./modules/stream_consumer"

  name                        = "vote_writer"
  name_prefix                 = local.name_prefix
  handler                     = "vote_writer.handler.lambda_handler"
  architecture                = var.lambda_architecture
  artifact_directory          = local.artifact_directory
  settings                    = var.vote_writer
  stream_arn                  = module.stream.stream_arn
  stream_retention_hours      = var.stream.retention_hours
  log_retention_days          = var.log_retention_days
  failure_retention_days      = var.failure_retention_days
  deletion_protection_enabled = var.deletion_protection

  environment_variables = {
    VOTESTREAM_ENVIRONMENT         = var.environment
    VOTESTREAM_LOG_LEVEL           = var.log_level
    VOTESTREAM_POLL_CACHE_SECONDS  = var.poll_cache_seconds
    VOTESTREAM_POLLS_TABLE         = module.polls_table.table_name
    VOTESTREAM_VOTE_RETENTION_DAYS = var.vote_retention_days
    VOTESTREAM_VOTES_TABLE         = module.votes_table.table_name
    VOTESTREAM_WRITE_CONCURRENCY   = var.vote_writer.write_concurrency
  }

  permissions = {
    ReadPolls = {
      actions   = ["dynamodb:BatchGetItem"]
      resources = [module.polls_table.table_arn]
    }
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
  deletion_protection_enabled = var.deletion_protection
}

module "vote_aggregator" {
  source = "./modules/stream_consumer"

  name                        = "vote_aggregator"
  name_prefix                 = local.name_prefix
  handler                     = "vote_aggregator.handler.lambda_handler"
  architecture                = var.lambda_architecture
  artifact_directory          = local.artifact_directory
  settings                    = var.vote_aggregator
  order_required              = true
  stream_arn                  = module.stream.stream_arn
  stream_retention_hours      = var.stream.retention_hours
  log_retention_days          = var.log_retention_days
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
    CountVotes = {
      actions   = ["dynamodb:UpdateItem"]
      resources = [module.tallies_table.table_arn]
    }
    ReadPolls = {
      actions   = ["dynamodb:BatchGetItem"]
      resources = [module.polls_table.table_arn]
    }
  }
}

module "tallies_table" {
  source = "./modules/dynamodb"

  name_prefix                 = local.name_prefix
  table                       = "tallies"
  settings                    = var.tallies_table
  deletion_protection_enabled = var.deletion_protection
}
