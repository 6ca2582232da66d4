output "key_arn" {
  description = "ARN of the key that signs."
  value       = aws_kms_key.codes.arn
}

output "key_id" {
  description = "Id of the key: what a code names in its header (kid)."
  value       = aws_kms_key.codes.key_id
}

output "public_key" {
  description = "The public key: a SubjectPublicKeyInfo (RFC 5280) in base64."
  value       = data.aws_kms_public_key.codes.public_key
}
