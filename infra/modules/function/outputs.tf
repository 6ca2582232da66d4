output "environment_variables" {
  description = "Environment of the function, as deployed."
  value       = one(aws_lambda_function.this.environment).variables
}

output "execution_policy_json" {
  description = "Everything that the function may do, as an IAM policy: for reviews, and to hold against the calls it really makes."
  value       = aws_iam_role_policy.this.policy
}

output "function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "invoke_arn" {
  description = "ARN that API Gateway calls the function by."
  value       = aws_lambda_function.this.invoke_arn
}

output "log_group_name" {
  description = "Log group of the function; its metrics (EMF) come from here too."
  value       = aws_cloudwatch_log_group.this.name
}

output "reserved_concurrency" {
  description = "Most invocations at once; -1 where the function shares the account's."
  value       = aws_lambda_function.this.reserved_concurrent_executions
}

output "version" {
  description = "Version that was published last; $LATEST where none is."
  value       = aws_lambda_function.this.version
}
