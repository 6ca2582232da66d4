output "alarm_topic_arn" {
  description = "SNS topic that alarms go to; null if alarms are off."
  value       = module.observability.topic_arn
}

output "api_key_ids" {
  description = "Key of each client in api.clients; `aws apigateway get-api-key --include-value --api-key <id>` shows it."
  value       = module.api.api_key_ids
}

output "api_url" {
  description = "The REST API: polls, results and receipts, and votes unless api.vote_door sends them elsewhere."
  value       = module.api.invoke_url
}

output "back_end_policy_arn" {
  description = "Policy for the roles of back ends that vouch for their voters; null if no back end may."
  value       = var.api.vote_door == "rest" ? module.api.back_end_policy_arn : module.door[var.api.vote_door].back_end_policy_arn
}

output "cdn_target" {
  description = "Host name that records for results_api.cdn_domain.names must point to; null without CloudFront. Terraform adds the records if results_api.cdn_domain.zone_id is set."
  value       = one(module.cdn[*].target)
}

output "dashboard_name" {
  description = "CloudWatch dashboard that shows the whole platform."
  value       = module.observability.dashboard_name
}

output "deployment_parameter_name" {
  description = "SSM parameter that tells tools everything about this deployment."
  value       = aws_ssm_parameter.deployment.name
}

output "domain_target" {
  description = "Host name that a record for api.domain.name must point to; null without a domain. Terraform adds the record if api.domain.zone_id is set."
  value       = module.api.domain_target
}

output "failure_bucket_names" {
  description = "Bucket of each consumer for failed batches."
  value = {
    vote_aggregator = module.vote_aggregator.failure_bucket_name
    vote_writer     = module.vote_writer.failure_bucket_name
  }
}

output "function_names" {
  description = "Every function, by its name in the tfvars."
  value       = local.function_names
}

output "pages" {
  description = "The pages: their bucket, and their address (<url>/vote#poll=<id>). url is null without results_api.cdn_enabled; the whole output is null without web."
  value = one([for web in module.web : {
    bucket = web.bucket_name
    region = var.aws_region
    url    = local.pages_url
  }])
}

output "results_url" {
  description = "Address for viewers: <results_url>/polls/{poll_id}/results. It is CloudFront's if it is on, else the API's."
  value       = try(one(module.cdn).url, module.api.invoke_url)
}

output "stream_name" {
  description = "Stream that the votes go through."
  value       = module.stream.stream_name
}

output "table_names" {
  description = "Tables of polls, votes and tallies."
  value       = local.table_names
}

output "voter_pool" {
  description = "Sign-in of voters: id of the pool, of the client for pages and apps, and address of Cognito's own pages. Null if the tfvars name a pool, or if voters do not sign in."
  value = one([for pool in module.voters : {
    client_id   = pool.user_pool_client_id
    id          = pool.user_pool_id
    sign_in_url = pool.sign_in_url
  }])
}

output "votes_url" {
  description = "Address for votes: <votes_url>/polls/{poll_id}/votes."
  value       = local.votes_url
}
