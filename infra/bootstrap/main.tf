# The foundation of a deployment: a bucket for the state, and roles that may deploy.
locals {
  name_prefix = "${var.project}-${var.environment}"
  account_id  = data.aws_caller_identity.current.account_id
  partition   = data.aws_partition.current.partition
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# `make bootstrap` creates the bucket with a single call, so that even this state can be stored in it. Terraform then imports it.
# So no state has to be migrated, and a second run on any machine finds it.
import {
  to = aws_s3_bucket.state
  id = var.state_bucket
}

resource "aws_s3_bucket" "state" {
  bucket = var.state_bucket

  # checkov:skip=CKV_AWS_18: read by Terraform alone; CloudTrail's data events can watch it
  # checkov:skip=CKV_AWS_144: state describes one region, and is of no use without it
  # checkov:skip=CKV_AWS_145: encrypted with the key of S3, at no cost; nothing in it is secret
  # checkov:skip=CKV2_AWS_62: nothing has to react when a state changes

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "forget-old-versions"
    status = "Enabled"

    filter {}

    # A mistake in a state is found within days. The newest ten versions stay, however old they are.
    noncurrent_version_expiration {
      noncurrent_days           = 90
      newer_noncurrent_versions = 10
    }

    # Remains of lock files.
    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # S3 expires old versions only where versioning is on.
  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = local.state_bucket_policy

  # S3 answers "A conflicting conditional operation is currently in progress" when both are changed at once.
  depends_on = [aws_s3_bucket_public_access_block.state]
}

# Limits every role of the platform, whatever its own policy says. A role that the deploy role creates can do no more than
# the platform needs, and nothing with identities.
resource "aws_iam_policy" "boundary" {
  name        = "${local.name_prefix}-boundary"
  path        = local.path
  description = "Upper limit of the permissions of each role of ${local.name_prefix}"
  policy      = local.boundary
}
