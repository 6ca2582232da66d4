# Policies are written with jsonencode in every module: unlike the aws_iam_policy_document data source, it
# gives its text under a mocked provider too, so the tests can read what is granted.
locals {
  trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AssumedByLambda"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      # Lambda acts here for this account alone, whoever else talks it into naming this role.
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid    = "ReadStream"
          Effect = "Allow"
          Action = [
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
          ]
          Resource = var.stream_arn
        },
        {
          Sid      = "WriteLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.this.arn}:*"
        },
        {
          Sid      = "FindFailureBucket"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = aws_s3_bucket.failures.arn
        },
        {
          Sid      = "KeepFailedBatches"
          Effect   = "Allow"
          Action   = "s3:PutObject"
          Resource = "${aws_s3_bucket.failures.arn}/*"
        },
      ],
      [for consumer in aws_kinesis_stream_consumer.this : {
        Sid      = "SubscribeToShards"
        Effect   = "Allow"
        Action   = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]
        Resource = consumer.arn
      }],
      [for sid, permission in var.permissions : {
        Sid      = sid
        Effect   = "Allow"
        Action   = permission.actions
        Resource = permission.resources
      }],
    )
  })

  failures_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = [aws_s3_bucket.failures.arn, "${aws_s3_bucket.failures.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_iam_role" "this" {
  name               = local.function_name
  description        = "Execution role of ${local.function_name}"
  assume_role_policy = local.trust_policy
}

resource "aws_iam_role_policy" "this" {
  name   = "consume-votes"
  role   = aws_iam_role.this.id
  policy = local.policy
}
