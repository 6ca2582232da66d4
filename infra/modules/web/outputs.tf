output "bucket_domain_name" {
  description = "Host of the bucket, as CloudFront's origin."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}

output "bucket_name" {
  description = "Bucket that the pages are published to."
  value       = aws_s3_bucket.this.id
}

output "security_policy" {
  description = "Content-Security-Policy header of the pages."
  value       = local.security_policy

  precondition {
    condition     = local.accent_contrast >= 4.5
    error_message = "web.accent is \"${var.settings.accent}\": it has a contrast of ${format("%.1f", local.accent_contrast)} to 1 with the pages' light ground, and text in it needs 4.5 to 1 (WCAG 2.2 AA). Choose a darker colour; the pages lighten it for dark screens themselves."
  }
}
