# Many votes in one signed request.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  voter_auth    = "cognito"
  user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"
  batch_enabled = true
}

run "batches_need_a_signature_in_every_mode" {
  command = plan

  assert {
    condition     = [one(aws_api_gateway_method.cast_votes[*].authorization), one(aws_api_gateway_method.cast_votes[*].http_method), one(aws_api_gateway_resource.batch[*].path_part)] == ["AWS_IAM", "POST", "batch"]
    error_message = "Only a principal that the account trusts may name other people as voters."
  }

  assert {
    condition     = jsondecode(one(aws_iam_policy.back_end[*].policy)).Statement[0].Resource == ["arn:aws:execute-api:eu-west-1:111122223333:abcdef1234/v1/POST/polls/*/votes/batch"]
    error_message = "If voters sign in, a back end may send batches and nothing else."
  }
}

run "a_batch_goes_straight_into_the_stream" {
  command = plan

  assert {
    condition     = [one(aws_api_gateway_integration.put_records[*].type), one(aws_api_gateway_integration.put_records[*].uri), one(aws_api_gateway_integration.put_records[*].passthrough_behavior)] == ["AWS", "arn:aws:apigateway:eu-west-1:kinesis:action/PutRecords", "NEVER"]
    error_message = "API Gateway itself calls PutRecords, with nothing but what the template builds."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement == [{ Sid = "PutVotes", Effect = "Allow", Action = ["kinesis:PutRecord", "kinesis:PutRecords"], Resource = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes" }]
    error_message = "The role may put several records only where batches are on."
  }
}

run "declares_every_answer_to_a_batch" {
  command = plan

  assert {
    condition     = keys(aws_api_gateway_method_response.cast_votes) == concat(["202", "207"], slice(keys(aws_api_gateway_method_response.cast_vote), 1, 5)) && keys(aws_api_gateway_method_response.cast_vote) == ["202", "400", "415", "429", "503"]
    error_message = "AWS's export of the API must list a single vote's answers and 207 for a batch."
  }
}

run "every_vote_of_a_batch_is_checked_like_a_single_one" {
  command = plan

  assert {
    condition     = keys(one(aws_api_gateway_integration.put_records[*].request_templates)) == keys(one(aws_api_gateway_method.cast_votes[*].request_models)) && keys(one(aws_api_gateway_method.cast_votes[*].request_models)) == keys(aws_api_gateway_method.cast_vote[0].request_models)
    error_message = "A batch has the media types of a vote, and none of them reaches the template without the model's check."
  }

  assert {
    condition     = [jsondecode(one(aws_api_gateway_model.vote_batch[*].schema)).properties.votes.minItems, jsondecode(one(aws_api_gateway_model.vote_batch[*].schema)).properties.votes.maxItems] == [1, 500]
    error_message = "A batch holds from one vote to PutRecords's limit."
  }

  assert {
    condition     = jsondecode(one(aws_api_gateway_model.vote_batch[*].schema)).properties.votes.items.required == ["option", "voter"] && !jsondecode(one(aws_api_gateway_model.vote_batch[*].schema)).properties.votes.items.additionalProperties && !jsondecode(one(aws_api_gateway_model.vote_batch[*].schema)).additionalProperties
    error_message = "Each is an option and a voter and nothing else, although single votes name no voter here."
  }

  assert {
    condition     = { for name, property in jsondecode(one(aws_api_gateway_model.vote_batch[*].schema)).properties.votes.items.properties : name => property.pattern } == { option = "^[A-Za-z0-9_.-]{1,64}(?![\\s\\S])", voter = "^[A-Za-z0-9_.:@|+=/-]{1,128}(?![\\s\\S])" }
    error_message = "The patterns are the single vote's."
  }

  assert {
    condition     = strcontains(local.put_records_template, "#if($vote.option.matches('[A-Za-z0-9_.-]{1,64}') && $vote.voter.matches('[A-Za-z0-9_.:@|+=/-]{1,128}') && !$voters.contains($vote.voter))")
    error_message = "The template checks once more, and counts each voter once."
  }

  assert {
    condition     = strcontains(local.put_records_template, "#if($content_type != '' && $poll_id.matches('[a-z0-9-]{1,64}') && $voters.size() > 0 && $voters.size() <= 500 && $voters.size() == $votes.size())")
    error_message = "The template builds records only if every vote has passed."
  }

  assert {
    condition     = strcontains(local.put_records_template, "#else\n{\"StreamName\": \"votestream-test-votes\"}\n#end")
    error_message = "An invalid batch becomes a request without records, which Kinesis refuses."
  }
}

run "a_partly_stored_batch_is_answered_with_207" {
  command = plan

  assert {
    condition     = [for status in ["429", "503", "207"] : strcontains(local.stored_batch_template, "#set($context.responseOverride.status = ${status})")] == [true, true, true]
    error_message = "Kinesis always answers 200: the template has to tell none, some and all stored records apart."
  }

  assert {
    condition     = !strcontains(local.stored_batch_template, "ErrorMessage")
    error_message = "Kinesis' messages name the account and the stream."
  }

  assert {
    condition     = one(aws_api_gateway_integration_response.batch_unavailable[*].selection_pattern) == null && one(aws_api_gateway_integration_response.batch_unavailable[*].status_code) == "503"
    error_message = "An unknown answer must become 503."
  }
}

run "there_are_no_batches_unless_asked_for" {
  command = plan

  variables {
    batch_enabled = false
  }

  assert {
    condition     = length(aws_api_gateway_resource.batch) + length(aws_api_gateway_method.cast_votes) + length(aws_api_gateway_integration.put_records) == 0 && length(aws_iam_policy.back_end) == 0
    error_message = "Batches must be off by default."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[0].Action == ["kinesis:PutRecord"]
    error_message = "Without batches the role must not have the permission for them."
  }
}
