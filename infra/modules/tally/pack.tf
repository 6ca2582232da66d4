# Publishing the results pack, if there is a function for it: after the certificate, and also if the result was already
# final, so that a second tally completes a failed publication. functions/results_pack holds the steps.
locals {
  ends = {
    for state in ["AlreadyFinal", "Certified"] : state => {
      for key, value in {
        Type = var.pack == null ? "Succeed" : "Pass"
        Next = var.pack == null ? null : "PlanPack"
      } : key => value if value != null
    }
  }

  pack_task = {
    Type     = "Task"
    Resource = "arn:${data.aws_partition.current.partition}:states:::lambda:invoke"
    Retry    = local.retry
  }
  pack_function_arn = try(var.pack.function_arn, null)

  # The result of the tally stays the execution's output: the pack's state is kept separately, in `pack`.
  all_pack_states = {
    PlanPack = merge(local.pack_task, {
      Parameters     = { FunctionName = local.pack_function_arn, Payload = { step = "plan", "poll_id.$" = "$.poll_id", "execution.$" = "$$.Execution.Id" } }
      ResultSelector = { "state.$" = "$.Payload" }
      ResultPath     = "$.pack"
      Catch          = local.cancelled
      Next           = "IsPublished"
    })
    IsPublished = {
      Type    = "Choice"
      Choices = [{ Variable = "$.pack.state.published", BooleanEquals = true, Next = "Published" }]
      Default = "SpillBuckets"
    }
    SpillBuckets = {
      Type           = "Map"
      ItemsPath      = "$.pack.state.groups"
      ItemSelector   = { "buckets.$" = "$$.Map.Item.Value", "state.$" = "$.pack.state" }
      MaxConcurrency = var.count_concurrency
      ItemProcessor = {
        ProcessorConfig = { Mode = "INLINE" }
        StartAt         = "Spill"
        States = {
          # The tallies table holds the progress of each bucket: a bucket that takes too long continues from there.
          Spill = merge(local.pack_task, {
            Parameters     = { FunctionName = local.pack_function_arn, Payload = { step = "spill", "state.$" = "$.state", "buckets.$" = "$.buckets" } }
            ResultSelector = { "done.$" = "$.Payload.done" }
            ResultPath     = "$.result"
            Next           = "IsSpilled"
          })
          IsSpilled = {
            Type    = "Choice"
            Choices = [{ Variable = "$.result.done", BooleanEquals = true, Next = "Spilled" }]
            Default = "Spill"
          }
          Spilled = { Type = "Succeed" }
        }
      }
      ResultPath = null
      Next       = "CheckPack"
    }
    CheckPack = merge(local.pack_task, {
      Parameters = { FunctionName = local.pack_function_arn, Payload = { step = "check", "state.$" = "$.pack.state" } }
      ResultPath = null
      Next       = "WriteParts"
    })
    WriteParts = {
      Type           = "Map"
      ItemsPath      = "$.pack.state.part_groups"
      ItemSelector   = { "parts.$" = "$$.Map.Item.Value", "state.$" = "$.pack.state" }
      MaxConcurrency = var.count_concurrency
      ItemProcessor = {
        ProcessorConfig = { Mode = "INLINE" }
        StartAt         = "Write"
        States = {
          Write = merge(local.pack_task, {
            Parameters = { FunctionName = local.pack_function_arn, Payload = { step = "write", "state.$" = "$.state", "parts.$" = "$.parts" } }
            ResultPath = null
            End        = true
          })
        }
      }
      ResultPath = null
      Next       = "SealPack"
    }
    SealPack = merge(local.pack_task, {
      Parameters     = { FunctionName = local.pack_function_arn, Payload = { step = "seal", "state.$" = "$.pack.state" } }
      ResultSelector = { "published.$" = "$.Payload" }
      ResultPath     = "$.pack"
      Next           = "Published"
    })
    Published = { Type = "Succeed" }
  }
  pack_states = { for name, state in local.all_pack_states : name => state if var.pack != null }
}
