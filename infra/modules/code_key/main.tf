# The key that signs voters' codes. A key pair cannot be rotated, and a new one would end every code that is out.
resource "aws_kms_key" "codes" {
  description              = "Signs voters' codes: ${var.name}"
  customer_master_key_spec = "RSA_2048"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 30
  policy                   = local.policy
}

resource "aws_kms_alias" "codes" {
  name          = "alias/${var.name}-codes"
  target_key_id = aws_kms_key.codes.key_id
}

# So that the function that takes votes asks nobody for it.
data "aws_kms_public_key" "codes" {
  key_id = aws_kms_key.codes.arn
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
