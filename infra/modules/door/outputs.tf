output "back_end_policy_arn" {
  description = "Policy to attach to the role of a back end that vouches for its voters; null where no call is signed."
  value       = one(aws_iam_policy.back_end[*].arn)
}

output "metrics" {
  description = "How CloudWatch counts this door's requests: namespace, dimensions, and the names of its metrics."
  value = local.is_http ? {
    namespace     = "AWS/ApiGateway"
    dimensions    = tomap({ ApiId = one(aws_apigatewayv2_api.this[*].id), Stage = one(aws_apigatewayv2_stage.this[*].name) })
    count         = "Count"
    client_errors = "4xx"
    server_errors = "5xx"
    latency       = "Latency"
    } : {
    namespace     = "AWS/Lambda"
    dimensions    = tomap({ FunctionName = var.function.name })
    count         = "UrlRequestCount"
    client_errors = "Url4xxCount"
    server_errors = "Url5xxCount"
    latency       = "UrlRequestLatency"
  }
}

output "votes_url" {
  description = "Address for votes: <votes_url>/polls/{poll_id}/votes."
  value       = local.votes_url

  # A resource that uses this address waits until the door answers.
  depends_on = [
    aws_apigatewayv2_route.votes,
    aws_lambda_permission.http_api,
    aws_lambda_permission.public_function,
    aws_lambda_permission.public_url,
    aws_lambda_provisioned_concurrency_config.live,
  ]
}
