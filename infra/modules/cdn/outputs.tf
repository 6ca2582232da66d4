output "distribution_arn" {
  description = "ARN of the distribution, for the policy of the pages' bucket."
  value       = aws_cloudfront_distribution.this.arn
}

output "target" {
  description = "Host name that records for var.domain.names must point to."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "url" {
  description = "Address for viewers: <url>/polls/{poll_id} and <url>/polls/{poll_id}/results; with pages also <url>/vote, <url>/board and <url>/check."
  value       = "https://${try(var.domain.names[0], aws_cloudfront_distribution.this.domain_name)}"
}
