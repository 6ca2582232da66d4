output "bucket_arn" {
  description = "ARN of the bucket for published packs; null if there is no bucket."
  value       = one([for bucket in aws_s3_bucket.packs : bucket.arn])
}

output "bucket_name" {
  description = "Name of the bucket for published packs; null if there is no bucket."
  value       = one([for bucket in aws_s3_bucket.packs : bucket.id])
}
