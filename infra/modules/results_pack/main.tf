# Packs are published below packs/<poll>/. Files of an unfinished publication are below work/.
data "aws_caller_identity" "current" {}

locals {
  published   = var.publication == null ? {} : { packs = var.publication }
  bucket_name = "${var.name}-results-packs-${data.aws_caller_identity.current.account_id}"

  bucket_policies = {
    for key, publication in local.published : key => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [{
          Sid       = "TlsOnly"
          Effect    = "Deny"
          Action    = "s3:*"
          Principal = "*"
          Resource  = [aws_s3_bucket.packs[key].arn, "${aws_s3_bucket.packs[key].arn}/*"]
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        }],
        # Packs only: work files reveal which lines were stored together.
        [for public in publication.public ? [true] : [] : {
          Sid       = "AnyoneReadsPacks"
          Effect    = "Allow"
          Action    = "s3:GetObject"
          Principal = "*"
          Resource  = ["${aws_s3_bucket.packs[key].arn}/packs/*"]
        }],
      )
    })
  }
}

resource "aws_s3_bucket" "packs" {
  for_each = local.published

  bucket              = local.bucket_name
  force_destroy       = !var.deletion_protection_enabled
  object_lock_enabled = each.value.object_lock != null

  # checkov:skip=CKV_AWS_18: packs are made to be read by anyone; CloudTrail can record who writes
  # checkov:skip=CKV_AWS_144: a copy of a pack is as good as the pack, and readers can take one
  # checkov:skip=CKV_AWS_145: readers without an account cannot use a KMS key
  # checkov:skip=CKV2_AWS_6: see below; a public pack opens two of the four blocks
  # checkov:skip=CKV2_AWS_62: nothing has to react to a new pack
}

resource "aws_s3_bucket_versioning" "packs" {
  for_each = local.published

  bucket = aws_s3_bucket.packs[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

# AWS blocks public policies by default, account-wide too. Both have to be open for a public pack.
resource "aws_s3_bucket_public_access_block" "packs" {
  # checkov:skip=CKV_AWS_54: closed unless publish_pack.public asks for readers without an account
  # checkov:skip=CKV_AWS_56: closed unless publish_pack.public asks for readers without an account
  for_each = local.published

  bucket                  = aws_s3_bucket.packs[each.key].id
  block_public_acls       = true
  block_public_policy     = !each.value.public
  ignore_public_acls      = true
  restrict_public_buckets = !each.value.public
}

resource "aws_s3_bucket_server_side_encryption_configuration" "packs" {
  for_each = local.published

  bucket = aws_s3_bucket.packs[each.key].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "packs" {
  for_each = { for key, publication in local.published : key => publication if publication.work_retention_days > 0 }

  bucket = aws_s3_bucket.packs[each.key].id

  rule {
    id     = "forget-work"
    status = "Enabled"

    filter {
      prefix = "work/"
    }

    expiration {
      days = each.value.work_retention_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "end-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # S3 knows versions only after versioning is on.
  depends_on = [aws_s3_bucket_versioning.packs]
}

resource "aws_s3_bucket_policy" "packs" {
  for_each = local.published

  bucket = aws_s3_bucket.packs[each.key].id
  policy = local.bucket_policies[each.key]

  # S3 refuses a public policy while the block is closed, and answers "A conflicting conditional operation is currently
  # in progress" when both are changed at once.
  depends_on = [aws_s3_bucket_public_access_block.packs]
}
