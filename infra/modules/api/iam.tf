# jsonencode rather than the policy data source: the reason is in modules/function/iam.tf.
resource "aws_iam_role" "this" {
  name                 = "${var.name}-api"
  description          = "Lets the REST API ${var.name} put votes into the stream"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AssumedByApiGateway"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
      # IfExists, because API Gateway does not document that it sends the source account. If it does, it must be this
      # account.
      Condition = { StringEqualsIfExists = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "put-votes"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "PutVotes"
        Effect   = "Allow"
        Action   = var.batch_enabled ? ["kinesis:PutRecord", "kinesis:PutRecords"] : ["kinesis:PutRecord"]
        Resource = var.stream_arn
      }],
      [for key in var.kms_key == null ? [] : [var.kms_key] : {
        Sid       = "UseKeyThroughKinesis"
        Effect    = "Allow"
        Action    = "kms:GenerateDataKey"
        Resource  = key.arn
        Condition = { StringEquals = { "kms:ViaService" = "kinesis.${data.aws_region.current.id}.amazonaws.com" } }
      }],
    )
  })
}

data "aws_caller_identity" "current" {}
