output "api_url" {
  description = "Where voters post: <api_url>/polls/{poll_id}/votes."
  value       = module.api.invoke_url
}

output "deployment_parameter_name" {
  description = "SSM parameter that tells tools everything about this deployment."
  value       = aws_ssm_parameter.deployment.name
}

output "failure_bucket_names" {
  description = "Bucket of each consumer for the batches it gave up on."
  value = {
    vote_aggregator = module.vote_aggregator.failure_bucket_name
    vote_writer     = module.vote_writer.failure_bucket_name
  }
}

output "function_names" {
  description = "Every function, by its name in the tfvars."
  value = {
    results_api     = module.results_api.function_name
    vote_aggregator = module.vote_aggregator.function_name
    vote_writer     = module.vote_writer.function_name
  }
}

output "results_url" {
  description = "Where viewers read: <results_url>/polls/{poll_id}/results. CloudFront where it is switched on, else the API."
  value       = try(one(module.cdn).url, module.api.invoke_url)
}

output "stream_name" {
  description = "Stream that the votes go through."
  value       = module.stream.stream_name
}

output "table_names" {
  description = "Tables of polls, votes and tallies."
  value = {
    polls   = module.polls_table.table_name
    tallies = module.tallies_table.table_name
    votes   = module.votes_table.table_name
  }
}
