# A KMS key that encrypts or signs. Roles get their permission to use it where they are created.
resource "aws_kms_key" "this" {
  description              = var.description
  customer_master_key_spec = var.signing_spec
  key_usage                = var.signing_spec == null ? null : "SIGN_VERIFY"
  enable_key_rotation      = var.signing_spec == null # KMS cannot rotate a key pair
  deletion_window_in_days  = 30

  # jsonencode rather than the policy data source: the reason is in modules/function/iam.tf.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      # Without this statement the key's policy could never be changed again. It lets the account's IAM policies
      # decide, and allows nothing by itself. In a key policy, * means this key.
      [{
        Sid       = "AccountDecides"
        Effect    = "Allow"
        Action    = "kms:*"
        Resource  = "*"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
      }],
      # CloudWatch Logs uses a key in its own name, not for the role that writes. So the policy names the log groups.
      length(var.log_group_names) == 0 ? [] : [{
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
      }],
      # CloudWatch publishes alarms in its own name, too.
      length(var.log_group_names) == 0 ? [] : [{
        Sid       = "EncryptAlarms"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
        Resource  = "*"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      }],
      # Like a table's deletion protection: KMS refuses the deletion until this statement is removed.
      var.deletion_protection_enabled ? [{
        Sid       = "KeepKey"
        Effect    = "Deny"
        Action    = ["kms:DeleteAlias", "kms:DisableKey", "kms:ScheduleKeyDeletion"]
        Resource  = "*"
        Principal = "*"
      }] : [],
    )
  })

  # checkov:skip=CKV2_AWS_64: the policy is set above; checkov cannot evaluate it for each call of the module
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

# Terraform reads the public key once, so that no function has to ask KMS for it.
data "aws_kms_public_key" "this" {
  for_each = var.signing_spec == null ? {} : { (var.name) = aws_kms_key.this.arn }

  key_id = each.value
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}
