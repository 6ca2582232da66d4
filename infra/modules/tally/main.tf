# The state machine of the tally: the order of the steps, the waits and the retries. functions/tally holds the steps.
locals {
  state_machine_name = "${var.name_prefix}-tally"

  # Transient errors: the step is retried with the same input, which every step allows. Fifty retries, at most a minute
  # apart, outlast a usual outage of a table.
  retry = [{
    ErrorEquals = [
      "StoreUnavailable",
      "Lambda.AWSLambdaException",
      "Lambda.ClientExecutionTimeoutException",
      "Lambda.SdkClientException",
      "Lambda.ServiceException",
      "Lambda.TooManyRequestsException",
      "Sandbox.Timedout",
    ]
    IntervalSeconds = 1
    BackoffRate     = 2
    MaxDelaySeconds = 60
    MaxAttempts     = 50
  }]

  # Every step but `count` takes the state and returns it, changed.
  step = {
    for step in ["begin", "put_markers", "check_drain", "certify"] : step => {
      Type       = "Task"
      Resource   = "arn:${data.aws_partition.current.partition}:states:::lambda:invoke"
      Parameters = { FunctionName = var.function_arn, Payload = { step = step, "state.$" = "$" } }
      OutputPath = "$.Payload"
      Retry      = local.retry
      Catch      = local.cancelled
    }
  }

  # A poll may be cancelled while its tally runs. That ends the tally, and must not page on-call.
  cancelled = [{ ErrorEquals = ["PollCancelled"], Next = "Cancelled" }]

  definition = {
    Comment = "Makes a poll's result final"
    StartAt = "NameExecution"
    States = merge(local.ends, local.pack_states, local.withheld_states, {
      # The input comes from the schedule, votectl or StartRecount: poll_id, recount, and from the last also recount_at.
      NameExecution = { Type = "Pass", InputPath = "$$.Execution.Id", ResultPath = "$.execution", Next = "Begin" }
      Begin         = merge(local.step["begin"], { Next = "IsClosed" })
      IsClosed = {
        Type = "Choice"
        Choices = [
          { Variable = "$.already_final", BooleanEquals = true, Next = "AlreadyFinal" },
          { Variable = "$.ready", BooleanEquals = true, Next = "PutMarkers" },
        ]
        Default = "WaitUntilClosed"
      }
      Cancelled       = { Type = "Succeed" }
      WaitUntilClosed = { Type = "Wait", TimestampPath = "$.not_before", Next = "Begin" }
      PutMarkers      = merge(local.step["put_markers"], { Next = "CheckDrain" })
      CheckDrain      = merge(local.step["check_drain"], { Next = "IsDrained" })
      IsDrained = {
        Type    = "Choice"
        Choices = concat([{ Variable = "$.drained", BooleanEquals = true, Next = "CountBuckets" }], local.is_withheld)
        Default = "WaitForDrain"
      }
      WaitForDrain = { Type = "Wait", SecondsPath = "$.wait_seconds", Next = "CheckDrain" }
      CountBuckets = {
        Type           = "Map"
        ItemsPath      = "$.groups"
        ItemSelector   = { "buckets.$" = "$$.Map.Item.Value", "state.$" = "$" }
        MaxConcurrency = var.count_concurrency
        ItemProcessor = {
          ProcessorConfig = { Mode = "INLINE" }
          StartAt         = "Count"
          States = {
            Count = {
              Type       = "Task"
              Resource   = "arn:${data.aws_partition.current.partition}:states:::lambda:invoke"
              Parameters = { FunctionName = var.function_arn, Payload = { step = "count", "state.$" = "$.state", "buckets.$" = "$.buckets" } }
              # The tallies table holds the progress of each bucket: a bucket that takes too long continues from there.
              ResultSelector = { "done.$" = "$.Payload.done" }
              ResultPath     = "$.result"
              Retry          = local.retry
              Next           = "IsCounted"
            }
            IsCounted = {
              Type    = "Choice"
              Choices = [{ Variable = "$.result.done", BooleanEquals = true, Next = "Counted" }]
              Default = "Count"
            }
            Counted = { Type = "Succeed" }
          }
        }
        # The counts are in the tallies table, and the state stays unchanged.
        ResultPath = null
        Next       = "Certify"
      }
      Certify = merge(local.step["certify"], { Next = "IsRecounted" })
      IsRecounted = {
        Type    = "Choice"
        Choices = [{ Variable = "$.recount_at", NumericGreaterThan = 0, Next = "StartRecount" }]
        Default = "Certified"
      }
      # In a separate execution, which waits until recount_at: this one ends when the result is final.
      StartRecount = {
        Type     = "Task"
        Resource = "arn:${data.aws_partition.current.partition}:states:::states:startExecution"
        Parameters = {
          "StateMachineArn.$" = "$$.StateMachine.Id"
          Input               = { "poll_id.$" = "$.poll_id", recount = true, "recount_at.$" = "$.recount_at" }
        }
        ResultPath = null
        Retry      = [merge(local.retry[0], { ErrorEquals = ["States.ALL"] })]
        Next       = "Certified"
      }
    })
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

resource "aws_sfn_state_machine" "this" {
  name       = local.state_machine_name
  type       = "STANDARD"
  role_arn   = aws_iam_role.state_machine.arn
  definition = jsonencode(local.definition)

  # Its role must work before the first execution starts.
  depends_on = [aws_iam_role_policy.state_machine]

  # checkov:skip=CKV_AWS_284: the execution's history shows each step already
  # checkov:skip=CKV_AWS_285: a standard state machine keeps each execution's history for 90 days, and the certificate is in the table
}

# Holds one schedule per poll that is not over, made by votectl. Deleting the group deletes them with it.
resource "aws_scheduler_schedule_group" "this" {
  name = "${var.name_prefix}-closings"
}
