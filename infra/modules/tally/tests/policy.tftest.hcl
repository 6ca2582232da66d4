# The roles of the tally: who may start it, and its permissions.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_sfn_state_machine.this
  override_during = plan
  values          = { arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:votestream-test-tally" }
}

run "the_state_machine_may_take_steps_and_start_a_recount_and_nothing_else" {
  command = plan

  assert {
    condition = jsondecode(output.state_machine_policy_json).Statement == [
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
}

run "a_schedule_may_start_a_tally_and_nothing_else" {
  command = plan

  assert {
    condition = jsondecode(output.schedule_policy_json).Statement == [{
      Sid      = "StartTally"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "arn:aws:states:eu-west-1:111122223333:stateMachine:votestream-test-tally"
    }]
    error_message = "Of all state machines it may start this one."
  }
}

run "each_role_trusts_its_service_for_this_deployment_only" {
  command = plan

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
