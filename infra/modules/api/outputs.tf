output "api_id" {
  description = "Id of the REST API, also the first label of its host name."
  value       = aws_api_gateway_rest_api.this.id
}

output "invoke_url" {
  description = "URL of the stage; votes go to <invoke_url>/polls/{poll_id}/votes, results come from <invoke_url>/polls/{poll_id}/results."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "stage_name" {
  description = "Name of the stage, the first segment of the path."
  value       = aws_api_gateway_stage.this.stage_name
}
