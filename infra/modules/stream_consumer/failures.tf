# Lambda puts the batches that it gives up into this bucket. An S3 destination receives the records themselves. A queue
# would receive only their position, and the stream may have deleted the records by then.
resource "aws_s3_bucket" "failures" {
  bucket        = local.bucket_name
  force_destroy = !var.deletion_protection_enabled

  # checkov:skip=CKV_AWS_18: written by Lambda and read by votectl only; CloudTrail's data events can tell more
  # checkov:skip=CKV_AWS_21: no object is ever overwritten, and deleted votes must be gone
  # checkov:skip=CKV_AWS_144: batches wait here for days, in the region of the tables that they go back to
  # checkov:skip=CKV2_AWS_62: the tally and votectl look for batches themselves; no event is needed
}

resource "aws_s3_bucket_public_access_block" "failures" {
  bucket                  = aws_s3_bucket.failures.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "failures" {
  bucket = aws_s3_bucket.failures.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.deployment.kms_key == null ? "AES256" : "aws:kms"
      kms_master_key_id = try(var.deployment.kms_key.arn, null)
    }

    # One key for the bucket instead of one for each object: fewer requests to KMS.
    bucket_key_enabled = var.deployment.kms_key != null
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "failures" {
  count = var.failure_retention_days > 0 ? 1 : 0

  bucket = aws_s3_bucket.failures.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = var.failure_retention_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "failures" {
  bucket = aws_s3_bucket.failures.id
  policy = local.failures_policy

  # S3 answers "A conflicting conditional operation is currently in progress" when both are changed at once.
  depends_on = [aws_s3_bucket_public_access_block.failures]
}
