# On-call hears which poll has no certificate.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  alarms_topic = {
    arn         = "arn:aws:sns:eu-west-1:111122223333:votestream-test-alarms"
    kms_key     = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
    runbook_url = "https://example.org/runbook"
  }
}

run "a_tally_that_waits_for_lost_records_names_its_poll_and_goes_on_waiting" {
  command = plan

  assert {
    condition = [for choice in jsondecode(aws_sfn_state_machine.this.definition).States.IsDrained.Choices : choice.Next] == ["CountBuckets", "TellOnCall"] && jsondecode(aws_sfn_state_machine.this.definition).States.IsDrained.Choices[1].And == [
      { Variable = "$.tells_on_call", IsPresent = true },
      { Variable = "$.tells_on_call", BooleanEquals = true },
    ]
    error_message = "The function decides when an alarm pages on-call; one of an older release does not."
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
    error_message = "A message that nobody takes must not end the tally."
  }

  assert {
    condition = { for statement in jsondecode(output.state_machine_policy_json).Statement : statement.Sid => [statement.Resource, try(statement.Condition, null)] if contains(["TellOnCall", "UseTopicsKey"], statement.Sid) } == {
      TellOnCall   = [var.alarms_topic.arn, null]
      UseTopicsKey = [var.alarms_topic.kms_key.arn, { StringEquals = { "kms:ViaService" = "sns.eu-west-1.amazonaws.com" } }]
    }
    error_message = "The state machine publishes to the alarms' topic only, and uses its key for that only."
  }
}

run "a_topic_without_a_key_of_ones_own_needs_no_key" {
  command = plan

  variables {
    alarms_topic = { arn = "arn:aws:sns:eu-west-1:111122223333:votestream-test-alarms", runbook_url = "docs/runbook.md" }
  }

  assert {
    condition     = !strcontains(output.state_machine_policy_json, "kms:")
    error_message = "No permission without a use."
  }
}

run "without_alarms_nobody_is_told" {
  command = plan

  variables {
    alarms_topic = null
  }

  assert {
    condition     = !strcontains(aws_sfn_state_machine.this.definition, "TellOnCall") && !strcontains(output.state_machine_policy_json, "sns:Publish")
    error_message = "With alarms_enabled = false the tally must not page on-call."
  }
}
