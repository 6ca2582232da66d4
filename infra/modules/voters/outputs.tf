output "sign_in_url" {
  description = "Address of Cognito's own sign-in pages; null without callback URLs."
  value       = one([for domain in aws_cognito_user_pool_domain.this : "https://${domain.domain}.auth.${data.aws_region.current.id}.amazoncognito.com"])
}

output "user_pool_arn" {
  description = "ARN of the pool, for the front door's authorizer."
  value       = aws_cognito_user_pool.this.arn
}

output "user_pool_client_id" {
  description = "Id of the client that pages and apps sign in with."
  value       = aws_cognito_user_pool_client.browser.id
}

output "user_pool_id" {
  description = "Id of the pool, to add voters."
  value       = aws_cognito_user_pool.this.id
}
