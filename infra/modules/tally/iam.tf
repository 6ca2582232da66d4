# Step Functions may take a step; EventBridge Scheduler may start a tally. Neither may do anything else.
locals {
  trust_policies = {
    for service in ["scheduler", "states"] : service => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Sid       = "AssumedBy${title(service)}"
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = "${service}.amazonaws.com" }
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      }]
    })
  }

  state_machine_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "TakeSteps"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = var.function_arn
    }]
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
