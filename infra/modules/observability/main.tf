# The topic of the alarms. It is encrypted only with the deployment's own key. The free one, alias/aws/sns, does not admit
# CloudWatch ("CloudWatch Alarms does not have authorization to access the SNS topic encryption key"), so no alarm would
# reach on-call. No alarm carries a voter or a choice.
resource "aws_sns_topic" "alarms" {
  count = var.settings.alarms_enabled && var.settings.topic_arn == null ? 1 : 0

  name              = "${var.name_prefix}-alarms"
  kms_master_key_id = one(var.kms_key[*].arn)
}

resource "aws_sns_topic_policy" "alarms" {
  for_each = toset(aws_sns_topic.alarms[*].name)

  arn = one(aws_sns_topic.alarms[*].arn)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PublishedByAlarms"
      Effect    = "Allow"
      Action    = "sns:Publish"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Resource  = one(aws_sns_topic.alarms[*].arn)
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.settings.alarms_enabled ? var.settings.emails : []

  topic_arn = one(aws_sns_topic.alarms[*].arn)
  protocol  = "email"
  endpoint  = each.value
}

locals {
  topic_arns = compact([var.settings.topic_arn, one(aws_sns_topic.alarms[*].arn)])
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}
