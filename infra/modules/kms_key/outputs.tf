output "key_arn" {
  description = "ARN of the key."
  value       = aws_kms_key.this.arn
}

output "key_id" {
  description = "Id of the key; a voter's code names it in its header (kid)."
  value       = aws_kms_key.this.key_id
}

output "public_key" {
  description = "Public key of a key that signs: a SubjectPublicKeyInfo (RFC 5280) in base64. Null for a key that encrypts."
  value       = one([for key in data.aws_kms_public_key.this : key.public_key])
}
