# What the state machine does, state by state.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name_prefix       = "votestream-test"
  count_concurrency = 8
  function_arn      = "arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-tally"

  tallies_table_name = "votestream-test-tallies"
}

run "steps_are_taken_in_the_order_that_the_proof_needs" {
  command = plan

  assert {
    condition     = aws_sfn_state_machine.this.type == "STANDARD"
    error_message = "A tally may wait for days, and each of its steps must be taken at least once and be seen: only a standard state machine does that."
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
    error_message = "A poll that is final stays as it is, one that is open is waited for, and one that is not drained too."
  }
}

run "every_step_is_taken_by_the_function_and_taken_again_when_something_passes" {
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
    error_message = "A throttled table is no reason to end a tally; a poll that does not exist is."
  }
}

run "a_cancelled_poll_ends_its_tally_without_a_failure" {
  command = plan

  assert {
    condition = alltrue([
      for name in ["Begin", "PutMarkers", "CheckDrain", "Certify"] :
      [for catch in jsondecode(aws_sfn_state_machine.this.definition).States[name].Catch : [catch.ErrorEquals[0], catch.Next]] == [["PollCancelled", "Cancelled"]]
    ]) && jsondecode(aws_sfn_state_machine.this.definition).States.Cancelled.Type == "Succeed"
    error_message = "A cancelled poll is no failed tally: nobody is paged for it."
  }
}

run "buckets_are_counted_several_at_once_and_gone_on_with_until_done" {
  command = plan

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.MaxConcurrency == 8 && jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.ItemsPath == "$.groups"
    error_message = "No more invocations at once than count_concurrency says."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.CountBuckets.ItemProcessor.States.IsCounted.Default == "Count"
    error_message = "A bucket that takes longer than an invocation is gone on with."
  }
}

run "a_final_result_is_counted_again_by_an_execution_of_its_own" {
  command = plan

  assert {
    condition     = [for choice in jsondecode(aws_sfn_state_machine.this.definition).States.IsRecounted.Choices : [choice.Variable, choice.Next]] == [["$.recount_at", "StartRecount"]]
    error_message = "A recount starts if the certificate says when."
  }

  assert {
    condition = jsondecode(aws_sfn_state_machine.this.definition).States.StartRecount.Parameters == {
      "StateMachineArn.$" = "$$.StateMachine.Id"
      Input               = { "poll_id.$" = "$.poll_id", recount = true, "recount_at.$" = "$.recount_at" }
    }
    error_message = "The recount is an execution of this state machine, and waits by itself until recount_at."
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
    error_message = "Two environments fit into one account only if no name is shared."
  }
}

# For every rule a value that just passes and one that just fails.

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
