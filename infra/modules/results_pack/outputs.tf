output "key_arn" {
  description = "ARN of the key that polls' own keys come from."
  value       = aws_kms_key.polls.arn
}

output "signing_key_arn" {
  description = "ARN of the key that signs."
  value       = aws_kms_key.signing.arn
}
