# The state machine, state by state.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "steps_run_in_the_order_that_the_proof_needs" {
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
}

run "every_step_calls_the_function_and_retries_transient_errors" {
  command = plan

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
}

run "a_cancelled_poll_ends_its_tally_without_a_failure" {
  command = plan

  assert {
    condition = alltrue([
      for name in ["Begin", "PutMarkers", "CheckDrain", "Certify"] :
      [for catch in jsondecode(aws_sfn_state_machine.this.definition).States[name].Catch : [catch.ErrorEquals[0], catch.Next]] == [["PollCancelled", "Cancelled"]]
    ]) && jsondecode(aws_sfn_state_machine.this.definition).States.Cancelled.Type == "Succeed"
    error_message = "The tally of a cancelled poll must not fail, because a failure pages on-call."
  }
}

run "buckets_are_counted_in_parallel_until_all_are_done" {
  command = plan

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.MaxConcurrency == 8 && jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.ItemsPath == "$.groups"
    error_message = "At most count_concurrency invocations may run at once."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.ItemProcessor.States.IsCounted.Default == "Count"
    error_message = "A bucket that takes longer than an invocation must be continued."
  }
}

run "a_final_result_is_counted_again_by_an_execution_of_its_own" {
  command = plan

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
}

run "no_poll_holds_lanes_before_a_tally_says_so" {
  command = plan

  assert {
    condition     = aws_dynamodb_table_item.held_lanes.table_name == "votestream-test-tallies" && length(output.held_lanes) == 0
    error_message = "A first apply must find the row's map empty, and may choose any lanes."
  }
}

run "names_carry_the_environment" {
  command = plan

  assert {
    condition     = output.schedule_group_name == "votestream-test-closings" && aws_sfn_state_machine.this.name == "votestream-test-tally" && aws_iam_role.schedule.name == "votestream-test-closings" && aws_iam_role.state_machine.name == "votestream-test-tally-steps"
    error_message = "Names must differ between two environments of one account."
  }
}

# For every rule: a value that just passes, and one that just fails.

run "accepts_one_invocation_at_a_time" {
  command = plan

  variables {
    count_concurrency = 1
  }
}

run "accepts_40_invocations_at_once" {
  command = plan

  variables {
    count_concurrency = 40
  }
}

run "rejects_no_invocation_at_all" {
  command = plan

  variables {
    count_concurrency = 0
  }

  expect_failures = [var.count_concurrency]
}

run "rejects_41_invocations_at_once" {
  command = plan

  variables {
    count_concurrency = 41
  }

  expect_failures = [var.count_concurrency]
}

run "rejects_half_an_invocation" {
  command = plan

  variables {
    count_concurrency = 1.5
  }

  expect_failures = [var.count_concurrency]
}

run "accepts_a_prefix_that_just_fits_a_role" {
  command = plan

  variables {
    name_prefix = "votestream-${join("", [for _ in range(41) : "x"])}"
  }
}

run "rejects_a_prefix_that_is_too_long_for_a_role" {
  command = plan

  variables {
    name_prefix = "votestream-${join("", [for _ in range(42) : "x"])}"
  }

  expect_failures = [var.name_prefix]
}
