# Step Functions may take a step; EventBridge Scheduler may start a tally. Neither may do anything else.
locals {
  # The source that each service may assume its role for. Its documentation says which resource it names.
  acts_for = {
    scheduler = aws_scheduler_schedule_group.this.arn
    states    = local.state_machine_arn
  }

  trust_policies = {
    for service, arn in local.acts_for : service => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Sid       = "AssumedBy${title(service)}"
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = "${service}.amazonaws.com" }
        Condition = {
          ArnEquals    = { "aws:SourceArn" = arn }
          StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
        }
      }]
    })
  }

  # By name, because the resource's ARN exists only after its role and policy.
  state_machine_arn = "arn:${data.aws_partition.current.partition}:states:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:stateMachine:${local.state_machine_name}"

  state_machine_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "StartRecount"
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = local.state_machine_arn
      },
      {
        Sid      = "TakeSteps"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = var.function_arn
      },
      ], [for pack in var.pack == null ? [] : [var.pack] : {
        Sid      = "PublishPack"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = pack.function_arn
        }], [for topic in var.alarms_topic[*] : {
        Sid      = "TellOnCall"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = topic.arn
        }], [for topic in var.alarms_topic[*] : {
        Sid       = "UseTopicsKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = topic.kms_key.arn
        Condition = { StringEquals = { "kms:ViaService" = "sns.${data.aws_region.current.id}.amazonaws.com" } }
    } if topic.kms_key != null])
  })

  schedule_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartTally"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = aws_sfn_state_machine.this.arn
    }]
  })
}

resource "aws_iam_role" "state_machine" {
  name                 = "${var.name_prefix}-tally-steps"
  description          = "Lets Step Functions take the steps of a tally"
  assume_role_policy   = local.trust_policies["states"]
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "state_machine" {
  name   = "take-steps"
  role   = aws_iam_role.state_machine.id
  policy = local.state_machine_policy
}

resource "aws_iam_role" "schedule" {
  name                 = "${var.name_prefix}-closings"
  description          = "Lets EventBridge Scheduler start a tally when a poll closes"
  assume_role_policy   = local.trust_policies["scheduler"]
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "schedule" {
  name   = "start-tally"
  role   = aws_iam_role.schedule.id
  policy = local.schedule_policy
}
