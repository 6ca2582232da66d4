output "environment_variables" {
  description = "Environment of the function, as deployed."
  value       = module.function.environment_variables
}

output "event_source_mapping_arn" {
  description = "ARN of the event source mapping."
  value       = aws_lambda_event_source_mapping.this.arn
}

output "event_source_mapping_id" {
  description = "UUID of the event source mapping, to pause and resume the consumer."
  value       = aws_lambda_event_source_mapping.this.uuid
}

output "execution_policy_json" {
  description = "All permissions of the function, as an IAM policy: for reviews, and for a comparison with its real calls."
  value       = module.function.execution_policy_json
}

output "failure_bucket_arn" {
  description = "ARN of the bucket for batches that were given up."
  value       = aws_s3_bucket.failures.arn
}

output "failure_bucket_name" {
  description = "Bucket for the batches that the consumer gave up."
  value       = aws_s3_bucket.failures.bucket
}

output "function_name" {
  description = "Name of the function."
  value       = module.function.function_name
}
