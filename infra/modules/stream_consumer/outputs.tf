output "environment_variables" {
  description = "Environment of the function, as deployed."
  value       = one(aws_lambda_function.this.environment).variables
}

output "event_source_mapping_id" {
  description = "UUID of the event source mapping, to pause and resume the consumer."
  value       = aws_lambda_event_source_mapping.this.uuid
}

output "execution_policy_json" {
  description = "Everything that the function may do, as an IAM policy: for reviews, and to hold against the calls it really makes."
  value       = aws_iam_role_policy.this.policy
}

output "failure_bucket_name" {
  description = "Bucket that receives the batches the consumer gave up on."
  value       = aws_s3_bucket.failures.bucket
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "log_group_name" {
  description = "Log group of the function; its metrics (EMF) come from here too."
  value       = aws_cloudwatch_log_group.this.name
}
