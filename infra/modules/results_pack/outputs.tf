output "key_arn" {
  description = "ARN of the key that polls' own keys come from."
  value       = aws_kms_key.polls.arn
}

output "signing_key_arn" {
  description = "ARN of the key that signs."
  value       = aws_kms_key.signing.arn
}

output "bucket_arn" {
  description = "ARN of the bucket that packs are published in; null if there is none."
  value       = one([for bucket in aws_s3_bucket.packs : bucket.arn])
}

output "bucket_name" {
  description = "Name of the bucket that packs are published in; null if there is none."
  value       = one([for bucket in aws_s3_bucket.packs : bucket.id])
}

output "bucket_policy_json" {
  description = "What the bucket's policy says, for tests; null if there is none."
  value       = one(values(local.bucket_policies))
}
