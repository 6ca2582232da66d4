locals {
  # Every consumer may do this.
  consumer_permissions = merge(
    {
      FindFailureBucket = { actions = ["s3:ListBucket"], resources = [aws_s3_bucket.failures.arn] }
      KeepFailedBatches = { actions = ["s3:PutObject"], resources = ["${aws_s3_bucket.failures.arn}/*"] }
      ReadStream = {
        actions = [
          "kinesis:DescribeStream",
          "kinesis:DescribeStreamSummary",
          "kinesis:GetRecords",
          "kinesis:GetShardIterator",
          "kinesis:ListShards",
        ]
        resources = [var.stream_arn]
      }
    },
    { for consumer in aws_kinesis_stream_consumer.this : "SubscribeToShards" => {
      actions   = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]
      resources = [consumer.arn]
    } },
  )

  # Records are encrypted, and so is the bucket for batches that Lambda gives up.
  consumer_key_uses = { kinesis = ["kms:Decrypt"], s3 = ["kms:GenerateDataKey"] }

  # jsonencode rather than the policy data source: the reason is in modules/function/iam.tf.
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
