# The bucket of the pages. `make apply` uploads the pages after Terraform has finished. Terraform itself would delete the
# previous version's files while browsers still ask for them (scripts/deploying/publish.py).
resource "aws_s3_bucket" "this" {
  bucket        = "${var.name}-pages-${data.aws_caller_identity.current.account_id}"
  force_destroy = true

  # checkov:skip=CKV_AWS_18: only CloudFront reads it, and we keep no log of page views
  # checkov:skip=CKV_AWS_21: file names contain the version, so an update overwrites only three small pages
  # checkov:skip=CKV_AWS_144: everything in it comes from the repository
  # checkov:skip=CKV_AWS_145: everything in it is public
  # checkov:skip=CKV2_AWS_61: `make apply` deletes old versions of the pages
  # checkov:skip=CKV2_AWS_62: nothing waits for a change
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  # jsonencode rather than the policy data source: the reason is in modules/function/iam.tf.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "EncryptedConnectionsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      # Without s3:ListBucket a missing file is answered with 403, and nobody can list the bucket through CloudFront.
      var.cdn_enabled ? [{
        Sid       = "OurDistributionReads"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = "${aws_s3_bucket.this.arn}/*"
        Condition = { StringEquals = { "aws:SourceArn" = var.distribution_arn } }
      }] : []
    )
  })

  # S3 answers "A conflicting conditional operation is currently in progress" when both are changed at once.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# The settings of the pages (web/README.md). A changed setting reaches browsers within a minute.
resource "aws_s3_object" "config" {
  bucket        = aws_s3_bucket.this.id
  key           = "config.json"
  content_type  = "application/json"
  cache_control = "public, max-age=60"

  # The security policy, as CloudFront sends it, for any other server of the bucket.
  metadata = {
    security-policy = local.security_policy
  }

  content = jsonencode({
    accent      = var.settings.accent
    api         = ""
    identity    = { for name, value in var.identity : name => value if value != null }
    logo        = var.settings.logo_file == null ? null : local.logo_key
    openings    = var.openings_enabled
    privacy_url = var.settings.privacy_url
    texts       = var.settings.custom_texts
    title       = var.settings.title
    votes_url   = null
  })
}

resource "aws_s3_object" "logo" {
  count = var.settings.logo_file == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  key           = local.logo_key
  source        = var.settings.logo_file
  source_hash   = filemd5(var.settings.logo_file)
  content_type  = local.logo_types[local.logo_extension]
  cache_control = "public, max-age=31536000, immutable"
}

data "aws_caller_identity" "current" {}

locals {
  logo_types     = { png = "image/png", jpg = "image/jpeg", svg = "image/svg+xml", webp = "image/webp" }
  logo_extension = try(regex("[^.]+$", var.settings.logo_file), "")
  # The name contains a hash, because browsers cache the picture for a year.
  logo_key = try("logo-${substr(filemd5(var.settings.logo_file), 0, 8)}.${local.logo_extension}", "")

  # Sites that sign voters in: the page asks them for tokens.
  connect_origins = distinct(concat(
    [for address in [var.identity.authority, var.identity.logout_url] : regex("^https?://[^/]+", address) if address != null],
    var.settings.sign_in_origins,
  ))

  security_policy = join("; ", [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    join(" ", concat(["connect-src 'self'"], local.connect_origins)),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors ${length(var.settings.embed_origins) == 0 ? "'none'" : join(" ", var.settings.embed_origins)}",
  ])

  # WCAG 2.2: (L1 + 0.05) / (L2 + 0.05), with the relative luminance of both colours. The ground is #fbfaf7 in style.css.
  accent_channels  = [for part in regexall("[0-9a-fA-F]{2}", var.settings.accent) : parseint(part, 16) / 255]
  accent_linear    = [for c in local.accent_channels : c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4)]
  accent_luminance = 0.2126 * local.accent_linear[0] + 0.7152 * local.accent_linear[1] + 0.0722 * local.accent_linear[2]
  accent_contrast  = (0.956 + 0.05) / (local.accent_luminance + 0.05)
}
