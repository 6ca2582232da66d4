# EventBridge Scheduler may start the function. It may do nothing else.
locals {
  trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AssumedByScheduler"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        ArnEquals    = { "aws:SourceArn" = aws_scheduler_schedule_group.this.arn }
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })

  schedule_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartCount"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = var.function_arn
    }]
  })
}

resource "aws_iam_role" "schedule" {
  name                 = var.name
  description          = "Lets EventBridge Scheduler start the count of a poll's voters"
  assume_role_policy   = local.trust_policy
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "schedule" {
  name   = "start-count"
  role   = aws_iam_role.schedule.id
  policy = local.schedule_policy
}
