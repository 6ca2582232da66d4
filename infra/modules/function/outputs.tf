output "environment_variables" {
  description = "Environment of the function, as deployed."
  value       = one(aws_lambda_function.this.environment).variables
}

output "execution_policy_json" {
  description = "All permissions of the function, as an IAM policy: for reviews, and for a comparison with its real calls."
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
  description = "ARN under which API Gateway calls the function."
  value       = aws_lambda_function.this.invoke_arn
}

output "reserved_concurrency" {
  description = "Most concurrent invocations; -1 if the function shares the account's quota."
  value       = aws_lambda_function.this.reserved_concurrent_executions
}

output "version" {
  description = "Version that was published last; $LATEST if no version is published."
  value       = aws_lambda_function.this.version
}
