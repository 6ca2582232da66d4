# What tools need to know about a deployment. The parameter's name contains project and environment.
resource "aws_ssm_parameter" "deployment" {
  name        = "/${var.project}/${var.environment}/deployment"
  description = "Facts about this deployment, for votectl and the tests"
  type        = "String"
  value = jsonencode(merge({
    environment                    = var.environment
    region                         = var.aws_region
    api_id                         = module.api.api_id
    api_stage                      = module.api.stage_name
    api_url                        = module.api.invoke_url
    api_key_ids                    = module.api.api_key_ids
    stream_name                    = module.stream.stream_name
    polls_table                    = module.polls_table.table_name
    votes_table                    = module.votes_table.table_name
    tallies_table                  = module.tallies_table.table_name
    vote_writer_function           = module.vote_writer.function_name
    vote_aggregator_function       = module.vote_aggregator.function_name
    vote_writer_failure_bucket     = module.vote_writer.failure_bucket_name
    vote_aggregator_failure_bucket = module.vote_aggregator.failure_bucket_name
    poll_cache_seconds             = var.poll_cache_seconds
    tally_state_machine_arn        = module.tally.state_machine_arn
    tally_schedule_group           = module.tally.schedule_group_name
    tally_schedule_role_arn        = module.tally.schedule_role_arn
    vote_retention_days            = var.vote_retention_days
    voter_auth                     = var.voter_auth.mode
    vote_door                      = var.api.vote_door
    votes_url                      = local.votes_url
    votes_urls                     = { for door in local.vote_doors : door => module.door[door].votes_url }
    },
    one([for web in module.web : { pages_bucket = web.bucket_name, pages_url = local.pages_url }]),
    one([for key in module.code_key : { code_issuer = local.sign_in.issuer, code_signing_key_arn = key.key_arn }]),
    one([for pack in module.results_pack : { pack_bucket = pack.bucket_name, pack_key_arn = module.pack_key[0].key_arn, pack_signing_key_arn = module.pack_signing_key[0].key_arn }]),
    one([for number, schedules in module.unique_count : {
      unique_count_function_arn      = module.unique_counter[number].function_arn
      unique_count_schedule_group    = schedules.schedule_group_name
      unique_count_schedule_role_arn = schedules.schedule_role_arn
    }]),
  ))

  lifecycle {
    precondition {
      condition     = terraform_data.identity.output == local.identity
      error_message = "This state holds ${terraform_data.identity.output}, and the tfvars now say ${local.identity}: project, environment and aws_region are part of every name, so an apply would destroy and create everything, stored votes included. Put them back; or give the new deployment its own state and tfvars; or, if everything may be deleted, apply with deletion_protection = false first."
    }
  }

  # checkov:skip=CKV2_AWS_34: names and addresses that outputs show as well, no secret
}
