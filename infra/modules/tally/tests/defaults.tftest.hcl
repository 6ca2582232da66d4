# The state machine, state by state.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan

  override_resource {
    target = aws_sfn_state_machine.this
    values = { arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:votestream-test-tally" }
  }
}

run "steps_run_in_the_order_that_the_proof_needs_and_roles_may_do_nothing_else" {
  command = plan

  assert {
    condition     = aws_sfn_state_machine.this.type == "STANDARD"
    error_message = "A tally may wait for days, and needs a history of its steps: it must be a standard state machine."
  }

  assert {
    condition = { for name, state in jsondecode(aws_sfn_state_machine.this.definition).States : name => try(state.Next, state.Default, "end") } == {
      NameExecution   = "Begin"
      Begin           = "IsClosed"
      IsClosed        = "WaitUntilClosed"
      WaitUntilClosed = "Begin"
      AlreadyFinal    = "end"
      Cancelled       = "end"
      PutMarkers      = "CheckDrain"
      CheckDrain      = "IsDrained"
      IsDrained       = "WaitForDrain"
      WaitForDrain    = "CheckDrain"
      CountBuckets    = "Certify"
      Certify         = "IsRecounted"
      IsRecounted     = "Certified"
      StartRecount    = "Certified"
      Certified       = "end"
    }
    error_message = "Votes are counted after the drain is proved, and nothing is certified before all are counted."
  }

  assert {
    condition = { for name in ["IsClosed", "IsDrained"] : name => [for choice in jsondecode(aws_sfn_state_machine.this.definition).States[name].Choices : [choice.Variable, choice.Next]] } == {
      IsClosed  = [["$.already_final", "AlreadyFinal"], ["$.ready", "PutMarkers"]]
      IsDrained = [["$.drained", "CountBuckets"]]
    }
    error_message = "A final poll must stay unchanged. A tally must wait for an open poll, and for one that is not drained."
  }

  assert {
    condition = alltrue([
      for step, state in merge(
        { for name, step in { Begin = "begin", PutMarkers = "put_markers", CheckDrain = "check_drain", Certify = "certify" } : step => jsondecode(aws_sfn_state_machine.this.definition).States[name] },
        { count = jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.ItemProcessor.States.Count },
        ) : alltrue([
          state.Resource == "arn:aws:states:::lambda:invoke",
          state.Parameters.FunctionName == var.function_arn,
          state.Parameters.Payload.step == step,
          contains(state.Retry[0].ErrorEquals, "StoreUnavailable"),
          contains(state.Retry[0].ErrorEquals, "Lambda.TooManyRequestsException"),
          !contains(state.Retry[0].ErrorEquals, "States.ALL"),
      ])
    ])
    error_message = "A throttled table must not end a tally; a poll that does not exist must."
  }

  assert {
    condition = alltrue([
      for name in ["Begin", "PutMarkers", "CheckDrain", "Certify"] :
      [for catch in jsondecode(aws_sfn_state_machine.this.definition).States[name].Catch : [catch.ErrorEquals[0], catch.Next]] == [["PollCancelled", "Cancelled"]]
    ]) && jsondecode(aws_sfn_state_machine.this.definition).States.Cancelled.Type == "Succeed"
    error_message = "The tally of a cancelled poll must not fail, because a failure pages on-call."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.MaxConcurrency == 8 && jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.ItemsPath == "$.groups"
    error_message = "At most count_concurrency invocations may run at once."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.ItemProcessor.States.IsCounted.Default == "Count"
    error_message = "A bucket that takes longer than an invocation must be continued."
  }

  assert {
    condition     = [for choice in jsondecode(aws_sfn_state_machine.this.definition).States.IsRecounted.Choices : [choice.Variable, choice.Next]] == [["$.recount_at", "StartRecount"]]
    error_message = "A recount must start if the certificate names its time."
  }

  assert {
    condition = jsondecode(aws_sfn_state_machine.this.definition).States.StartRecount.Parameters == {
      "StateMachineArn.$" = "$$.StateMachine.Id"
      Input               = { "poll_id.$" = "$.poll_id", recount = true, "recount_at.$" = "$.recount_at" }
    }
    error_message = "The recount must be an execution of this state machine that waits until recount_at."
  }

  assert {
    condition     = aws_dynamodb_table_item.held_lanes.table_name == "votestream-test-tallies" && length(output.held_lanes) == 0
    error_message = "A first apply must find the row's map empty, and may choose any lanes."
  }

  assert {
    condition     = output.schedule_group_name == "votestream-test-closings" && aws_sfn_state_machine.this.name == "votestream-test-tally" && aws_iam_role.schedule.name == "votestream-test-closings" && aws_iam_role.state_machine.name == "votestream-test-tally-steps"
    error_message = "Names must differ between two environments of one account."
  }

  assert {
    condition     = alltrue([for name in ["AlreadyFinal", "Certified"] : jsondecode(aws_sfn_state_machine.this.definition).States[name] == { Type = "Succeed" }]) && !can(jsondecode(aws_sfn_state_machine.this.definition).States.PlanPack)
    error_message = "Without a function for packs there must be no steps for them."
  }

  assert {
    condition     = !strcontains(aws_sfn_state_machine.this.definition, "TellOnCall") && !strcontains(aws_iam_role_policy.state_machine.policy, "sns:Publish")
    error_message = "With alarms_enabled = false the tally must not page on-call."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.state_machine.policy).Statement == [
      {
        Sid      = "StartRecount"
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = "arn:aws:states:eu-west-1:111122223333:stateMachine:votestream-test-tally"
      },
      {
        Sid      = "TakeSteps"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = "arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-tally"
      },
    ]
    error_message = "Of all functions it may invoke the tally's, and of all state machines it may start itself, for the recount."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.schedule.policy).Statement == [{
      Sid      = "StartTally"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "arn:aws:states:eu-west-1:111122223333:stateMachine:votestream-test-tally"
    }]
    error_message = "Of all state machines it may start this one."
  }

  assert {
    condition = {
      for role in [aws_iam_role.schedule, aws_iam_role.state_machine] : role.name => [for statement in jsondecode(role.assume_role_policy).Statement : [statement.Principal.Service, statement.Condition.StringEquals["aws:SourceAccount"], statement.Condition.ArnEquals["aws:SourceArn"]]]
      } == {
      votestream-test-closings    = [["scheduler.amazonaws.com", "111122223333", "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/mocked"]]
      votestream-test-tally-steps = [["states.amazonaws.com", "111122223333", "arn:aws:states:eu-west-1:111122223333:stateMachine:votestream-test-tally"]]
    }
    error_message = "A service may take the role for this account's schedules or for this state machine only."
  }
}

run "a_pack_is_published_after_the_certificate_and_its_manifest_last" {
  command = plan

  variables {
    pack         = { function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-results-pack" }
    alarms_topic = { arn = "arn:aws:sns:eu-west-1:111122223333:votestream-test-alarms", runbook_url = "docs/runbook.md" }
  }

  assert {
    condition = { for name in ["AlreadyFinal", "Certified", "PlanPack", "IsPublished", "SpillBuckets", "CheckPack", "WriteParts", "SealPack", "Published"] : name => try(jsondecode(aws_sfn_state_machine.this.definition).States[name].Next, jsondecode(aws_sfn_state_machine.this.definition).States[name].Default, "end") } == {
      AlreadyFinal = "PlanPack"
      Certified    = "PlanPack"
      PlanPack     = "IsPublished"
      IsPublished  = "SpillBuckets"
      SpillBuckets = "CheckPack"
      CheckPack    = "WriteParts"
      WriteParts   = "SealPack"
      SealPack     = "Published"
      Published    = "end"
    }
    error_message = "A tally of a final poll must publish a missing pack."
  }

  assert {
    condition     = [for choice in jsondecode(aws_sfn_state_machine.this.definition).States.IsPublished.Choices : [choice.Variable, choice.Next]] == [["$.pack.state.published", "Published"]]
    error_message = "A tally must not change an existing pack."
  }

  assert {
    condition = alltrue([
      for step, state in {
        plan  = jsondecode(aws_sfn_state_machine.this.definition).States.PlanPack
        spill = jsondecode(aws_sfn_state_machine.this.definition).States.SpillBuckets.ItemProcessor.States.Spill
        check = jsondecode(aws_sfn_state_machine.this.definition).States.CheckPack
        write = jsondecode(aws_sfn_state_machine.this.definition).States.WriteParts.ItemProcessor.States.Write
        seal  = jsondecode(aws_sfn_state_machine.this.definition).States.SealPack
        } : alltrue([
          state.Parameters.FunctionName == var.pack.function_arn,
          state.Parameters.Payload.step == step,
          contains(state.Retry[0].ErrorEquals, "StoreUnavailable"),
          !contains(state.Retry[0].ErrorEquals, "States.ALL"),
      ])
    ])
    error_message = "The function of the tally may not sign, and that of packs may not certify."
  }

  assert {
    condition     = [for name in ["SpillBuckets", "WriteParts"] : [jsondecode(aws_sfn_state_machine.this.definition).States[name].MaxConcurrency, jsondecode(aws_sfn_state_machine.this.definition).States[name].ItemsPath]] == [[8, "$.pack.state.groups"], [8, "$.pack.state.part_groups"]]
    error_message = "Invocations must run in parallel: first over buckets, then over parts."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.state_machine.policy).Statement : statement.Resource if statement.Sid == "PublishPack" && statement.Action == "lambda:InvokeFunction"] == [var.pack.function_arn]
    error_message = "The state machine may invoke the publishing function, and no other."
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.state_machine.policy, "kms:")
    error_message = "Without a key, the role must have no permission for one."
  }
}

run "a_tally_that_waits_for_lost_records_names_its_poll_and_goes_on_waiting" {
  command = plan

  variables {
    alarms_topic = {
      arn         = "arn:aws:sns:eu-west-1:111122223333:votestream-test-alarms"
      kms_key     = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
      runbook_url = "https://example.org/runbook"
    }
  }

  assert {
    condition = [for choice in jsondecode(aws_sfn_state_machine.this.definition).States.IsDrained.Choices : choice.Next] == ["CountBuckets", "TellOnCall"] && jsondecode(aws_sfn_state_machine.this.definition).States.IsDrained.Choices[1].And == [
      { Variable = "$.tells_on_call", IsPresent = true },
      { Variable = "$.tells_on_call", BooleanEquals = true },
    ]
    error_message = "The function decides when to page on-call; an older release of it never does."
  }

  assert {
    condition = alltrue([
      strcontains(jsondecode(aws_sfn_state_machine.this.definition).States.TellOnCall.Parameters["Subject.$"], "poll_id"),
      strcontains(jsondecode(aws_sfn_state_machine.this.definition).States.TellOnCall.Parameters["Message.$"], "votectl tally {}"),
      strcontains(jsondecode(aws_sfn_state_machine.this.definition).States.TellOnCall.Parameters["Message.$"], "https://example.org/runbook#certificate-withheld"),
      jsondecode(aws_sfn_state_machine.this.definition).States.TellOnCall.Parameters.TopicArn == var.alarms_topic.arn,
    ])
    error_message = "The message names the poll, the command and the runbook's section, and goes where alarms go."
  }

  assert {
    condition = jsondecode(aws_sfn_state_machine.this.definition).States.TellOnCall.Next == "WaitForDrain" && [
      for catch in jsondecode(aws_sfn_state_machine.this.definition).States.TellOnCall.Catch : [catch.ErrorEquals[0], catch.Next]
    ] == [["States.ALL", "WaitForDrain"]] && jsondecode(aws_sfn_state_machine.this.definition).States.TellOnCall.ResultPath == null
    error_message = "A message that cannot be sent must not end the tally."
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.state_machine.policy).Statement : statement.Sid => [statement.Resource, try(statement.Condition, null)] if contains(["TellOnCall", "UseTopicsKey"], statement.Sid) } == {
      TellOnCall   = [var.alarms_topic.arn, null]
      UseTopicsKey = [var.alarms_topic.kms_key.arn, { StringEquals = { "kms:ViaService" = "sns.eu-west-1.amazonaws.com" } }]
    }
    error_message = "The state machine publishes to the alarms' topic only, and uses its key for that only."
  }
}

# For every rule: a value that just passes, and one that just fails.
run "accepts_one_invocation_at_a_time" {
  command = plan
  variables { count_concurrency = 1 }
}

run "rejects_no_invocation_at_all" {
  command = plan
  variables { count_concurrency = 0 }
  expect_failures = [var.count_concurrency]
}

run "rejects_41_invocations_at_once_and_a_prefix_that_is_too_long_for_a_role" {
  command = plan

  variables {
    count_concurrency = 41
    name_prefix       = "votestream-${join("", [for _ in range(42) : "x"])}"
  }

  expect_failures = [var.count_concurrency, var.name_prefix]
}

run "rejects_half_an_invocation" {
  command = plan
  variables { count_concurrency = 1.5 }
  expect_failures = [var.count_concurrency]
}

run "accepts_40_invocations_at_once_and_a_prefix_that_just_fits_a_role" {
  command = plan

  variables {
    count_concurrency = 40
    name_prefix       = "votestream-${join("", [for _ in range(41) : "x"])}"
  }
}
