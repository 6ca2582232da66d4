output "web_acl_arn" {
  description = "ARN of the web ACL, for rules of your own and for its log."
  value       = aws_wafv2_web_acl.this.arn
}
