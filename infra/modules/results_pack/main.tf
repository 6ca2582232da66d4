# The keys of results packs: each poll's own key comes from the first, and the second signs.
resource "aws_kms_key" "polls" {
  description             = "Keys of polls for results packs: ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.policy
}

resource "aws_kms_alias" "polls" {
  name          = "alias/${var.name}-results-pack"
  target_key_id = aws_kms_key.polls.key_id
}

# A key pair cannot be rotated: its fingerprint is what people have been told.
resource "aws_kms_key" "signing" {
  description              = "Signs results packs: ${var.name}"
  customer_master_key_spec = "RSA_3072"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 30
  policy                   = local.policy
}

resource "aws_kms_alias" "signing" {
  name          = "alias/${var.name}-results-pack-signing"
  target_key_id = aws_kms_key.signing.key_id
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # jsonencode rather than the policy data source: the reason is in modules/function/iam.tf.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      # It lets the account's own policies decide, and allows nothing by itself. In a key's policy, every resource is
      # this key.
      {
        Sid       = "AccountDecides"
        Effect    = "Allow"
        Action    = "kms:*"
        Resource  = "*"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
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
