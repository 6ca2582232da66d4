# Policies are written with jsonencode in every module: unlike the aws_iam_policy_document data source, it
# gives its text under a mocked provider too, so the tests can read the permissions.
locals {
  trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AssumedByLambda"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      # Lambda may assume this role for this account alone (confused deputy).
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      }],
      [for sid, permission in var.permissions : merge(
        {
          Sid      = sid
          Effect   = "Allow"
          Action   = permission.actions
          Resource = permission.resources
        },
        { for key, condition in { Condition = permission.condition } : key => condition if condition != null },
      )],
      # Never directly: only through a service that the function may already call.
      [for service, actions in var.deployment.kms_key == null ? {} : var.key_uses : {
        Sid       = "UseKeyThrough${title(service)}"
        Effect    = "Allow"
        Action    = actions
        Resource  = [var.deployment.kms_key.arn]
        Condition = { StringEquals = { "kms:ViaService" = "${service}.${data.aws_region.current.id}.amazonaws.com" } }
      }],
    )
  })
}

resource "aws_iam_role" "this" {
  name                 = local.function_name
  description          = "Execution role of ${local.function_name}"
  assume_role_policy   = local.trust_policy
  permissions_boundary = var.deployment.permissions_boundary_arn
}

resource "aws_iam_role_policy" "this" {
  name   = "work"
  role   = aws_iam_role.this.id
  policy = local.policy
}
