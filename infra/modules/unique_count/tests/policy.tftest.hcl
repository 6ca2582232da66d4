# The schedules' role, and the length of names.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan

  override_resource {
    target = aws_scheduler_schedule_group.this
    values = { arn = "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/votestream-test-unique-counts" }
  }
}

variables {
  name          = "votestream-test-unique-counts"
  function_arn  = "arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-unique-counter"
  function_name = "votestream-test-unique-counter"
}

run "a_schedule_may_start_the_count_only_and_a_late_invocation_is_dropped" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.schedule.policy).Statement == [{
      Sid      = "StartCount"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = "arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-unique-counter"
    }]
    error_message = "The role may start this function only."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role.schedule.assume_role_policy).Statement : [statement.Principal.Service, statement.Condition.StringEquals["aws:SourceAccount"], statement.Condition.ArnEquals["aws:SourceArn"]]] == [["scheduler.amazonaws.com", "111122223333", "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/votestream-test-unique-counts"]]
    error_message = "The scheduler may take the role for schedules of this group only."
  }

  assert {
    condition     = [aws_lambda_function_event_invoke_config.this.function_name, aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds, aws_lambda_function_event_invoke_config.this.maximum_retry_attempts] == ["votestream-test-unique-counter", 60, 0]
    error_message = "A late event must be dropped, because the next minute starts its own invocation."
  }
}

run "accepts_a_name_that_just_fits" {
  command = plan
  variables { name = "v123456789012345678901234567890123456789012345678-unique-counts0" }
}

run "rejects_a_name_that_is_too_long" {
  command = plan
  variables { name = "v123456789012345678901234567890123456789012345678-unique-counts00" }
  expect_failures = [var.name]
}
