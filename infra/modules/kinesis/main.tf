resource "aws_kinesis_stream" "this" {
  name        = var.name
  shard_count = var.shard_count
  # Votes wait here while consumers are slow, broken or being redeployed. The retention is the time
  # that you have to repair them before a vote is lost.
  retention_period    = var.retention_hours
  shard_level_metrics = var.shard_level_metrics

  # Kinesis' own key has no monthly fee. Its key policy admits every principal that may use the stream, so no role needs
  # a KMS permission. AWS bills data-key requests, one every five minutes for each set of credentials: a few dollars a
  # month at most. A customer managed key costs a dollar a month more.
  encryption_type = var.encryption_enabled ? "KMS" : "NONE"
  kms_key_id      = var.encryption_enabled ? try(var.kms_key.arn, "alias/aws/kinesis") : null

  stream_mode_details {
    stream_mode = var.mode
  }

  # checkov:skip=CKV_AWS_43: encrypted unless the tfvars decline it
}
