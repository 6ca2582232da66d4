# A key of your own for data at rest: you can audit its use, and revoke it. Each role gets its permission where it is
# created, and only through the service that uses the key for it.
resource "aws_kms_key" "this" {
  description             = "Votes at rest: ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.policy
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  # jsonencode rather than the policy data source: the reason is in modules/function/iam.tf.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      # Without this statement the key's policy could never be changed again. It lets the account's IAM policies
      # decide, and allows nothing by itself. In a key policy, * means this key.
      {
        Sid       = "AccountDecides"
        Effect    = "Allow"
        Action    = "kms:*"
        Resource  = "*"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
      },
      # CloudWatch Logs uses a key in its own name, not for the role that writes. So the policy names the log groups.
      {
        Sid       = "EncryptLogs"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
        Resource  = "*"
        Principal = { Service = "logs.${data.aws_region.current.id}.amazonaws.com" }
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = [
              for group in var.log_group_names :
              "arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:log-group:${group}"
            ]
          }
        }
      },
      # CloudWatch publishes alarms in its own name, too.
      {
        Sid       = "EncryptAlarms"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
        Resource  = "*"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      },
      ],
      # As a table's deletion protection: the deletion is refused, by everyone, until this statement is gone.
      var.deletion_protection_enabled ? [{
        Sid       = "KeepKey"
        Effect    = "Deny"
        Action    = ["kms:DeleteAlias", "kms:DisableKey", "kms:ScheduleKeyDeletion"]
        Resource  = "*"
        Principal = "*"
      }] : [],
    )
  })
}
