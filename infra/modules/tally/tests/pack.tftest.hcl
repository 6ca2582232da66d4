# Publishing the results pack after the certificate.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  pack = { function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-results-pack" }
}

run "a_pack_is_published_after_the_certificate_and_its_manifest_last" {
  command = plan

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
}

run "its_steps_call_their_own_function_and_retry_transient_errors" {
  command = plan

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
}

run "the_state_machine_may_invoke_both_functions" {
  command = plan

  assert {
    condition     = [for statement in jsondecode(output.state_machine_policy_json).Statement : statement.Resource if statement.Sid == "PublishPack" && statement.Action == "lambda:InvokeFunction"] == [var.pack.function_arn]
    error_message = "The state machine may invoke the publishing function, and no other."
  }
}

run "without_a_function_for_it_a_tally_ends_with_the_certificate" {
  command = plan

  variables {
    pack = null
  }

  assert {
    condition     = alltrue([for name in ["AlreadyFinal", "Certified"] : jsondecode(aws_sfn_state_machine.this.definition).States[name] == { Type = "Succeed" }]) && !can(jsondecode(aws_sfn_state_machine.this.definition).States.PlanPack)
    error_message = "Without a function for packs there must be no steps for them."
  }
}
