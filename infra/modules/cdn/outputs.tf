output "url" {
  description = "Where viewers read: <url>/polls/{poll_id} and <url>/polls/{poll_id}/results."
  value       = "https://${aws_cloudfront_distribution.this.domain_name}"
}
