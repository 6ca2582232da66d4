output "alarm_topic_arn" {
  description = "SNS topic that alarms go to; null where alarms are off."
  value       = module.observability.topic_arn
}

output "api_url" {
  description = "Where voters post: <api_url>/polls/{poll_id}/votes."
  value       = module.api.invoke_url
}

output "dashboard_name" {
  description = "CloudWatch dashboard that shows the whole platform."
  value       = module.observability.dashboard_name
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
  value       = local.function_names
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
  value       = local.table_names
}
