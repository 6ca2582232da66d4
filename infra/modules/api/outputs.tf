output "api_id" {
  description = "Id of the REST API, also the first label of its host name."
  value       = aws_api_gateway_rest_api.this.id
}

output "api_key_ids" {
  description = "Id of each client's key, by client; `aws apigateway get-api-key --include-value --api-key <id>` shows the key."
  value       = { for name, key in aws_api_gateway_api_key.client : name => key.id }
}

output "api_name" {
  description = "Name of the REST API: CloudWatch's dimension ApiName."
  value       = aws_api_gateway_rest_api.this.name
}

output "back_end_policy_arn" {
  description = "Policy to attach to the role of a back end that vouches for its voters; null if no back end may."
  value       = one(aws_iam_policy.back_end[*].arn)
}

output "domain_target" {
  description = "Host name that a record for api.domain.name must point to; null without a domain."
  value       = one(aws_api_gateway_domain_name.this[*].regional_domain_name)
}

output "invoke_url" {
  description = "URL of the API: your domain if you have one, else the stage. Votes go to <invoke_url>/polls/{poll_id}/votes, results come from <invoke_url>/polls/{poll_id}/results."
  value       = var.domain == null ? aws_api_gateway_stage.this.invoke_url : "https://${aws_api_gateway_base_path_mapping.this[0].domain_name}"
}

output "results_path" {
  description = "Resource that shows results (GET): CloudWatch's dimension Resource."
  value       = "/${join("/", [for resource in [aws_api_gateway_resource.polls, aws_api_gateway_resource.poll, aws_api_gateway_resource.results] : resource.path_part])}"
}

output "stage_arn" {
  description = "ARN of the stage, for a firewall in front of it."
  value       = aws_api_gateway_stage.this.arn
}

output "stage_name" {
  description = "Name of the stage, the first segment of the path."
  value       = aws_api_gateway_stage.this.stage_name
}

output "votes_path" {
  description = "Resource that takes votes (POST): CloudWatch's dimension Resource."
  value       = "/${join("/", [for resource in [aws_api_gateway_resource.polls, aws_api_gateway_resource.poll, aws_api_gateway_resource.votes] : resource.path_part])}"
}

output "stage_url" {
  description = "URL of the stage itself, even with var.domain: CloudFront's origin."
  value       = aws_api_gateway_stage.this.invoke_url
}
