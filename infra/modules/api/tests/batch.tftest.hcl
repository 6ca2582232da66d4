# Many votes in one signed request.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                           = "votestream-test"
  log_retention_days             = 30
  results_function_name          = "votestream-test-results-api"
  results_invoke_arn             = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-results-api/invocations"
  results_throttling_burst_limit = 500
  results_throttling_rate_limit  = 1000
  stream_arn                     = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"
  stream_name                    = "votestream-test-votes"
  throttling_burst_limit         = 5000
  throttling_rate_limit          = 10000
  voter_auth                     = "cognito"
  user_pool_arn                  = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"
  batch_enabled                  = true
}

run "batches_need_a_signature_in_every_mode" {
  command = plan

  assert {
    condition     = [one(aws_api_gateway_method.cast_votes[*].authorization), one(aws_api_gateway_method.cast_votes[*].http_method), one(aws_api_gateway_resource.batch[*].path_part)] == ["AWS_IAM", "POST", "batch"]
    error_message = "Who names other people as voters has to be somebody whom the account trusts."
  }

  assert {
    condition     = jsondecode(one(aws_iam_policy.back_end[*].policy)).Statement[0].Resource == ["arn:aws:execute-api:eu-west-1:111122223333:abcdef1234/v1/POST/polls/*/votes/batch"]
    error_message = "Where voters sign in, a back end may send batches and nothing else."
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

run "what_a_batch_may_be_answered_is_declared" {
  command = plan

  assert {
    condition     = keys(aws_api_gateway_method_response.cast_votes) == concat(["202", "207"], slice(keys(aws_api_gateway_method_response.cast_vote), 1, 5)) && keys(aws_api_gateway_method_response.cast_vote) == ["202", "400", "415", "429", "503"]
    error_message = "A batch is answered like a single vote, or with 207: what AWS exports of the API says so."
  }
}

run "every_vote_of_a_batch_is_checked_like_a_single_one" {
  command = plan

  assert {
    condition     = keys(one(aws_api_gateway_integration.put_records[*].request_templates)) == keys(one(aws_api_gateway_method.cast_votes[*].request_models)) && keys(one(aws_api_gateway_method.cast_votes[*].request_models)) == keys(aws_api_gateway_method.cast_vote[0].request_models)
    error_message = "A batch is JSON where a vote is, and no type of it reaches the template without the model's check."
  }

  assert {
    condition     = [jsondecode(one(aws_api_gateway_model.vote_batch[*].schema)).properties.votes.minItems, jsondecode(one(aws_api_gateway_model.vote_batch[*].schema)).properties.votes.maxItems] == [1, 500]
    error_message = "From one vote to as many records as PutRecords takes."
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
    error_message = "All votes or none: only if as many passed as came is the first record built."
  }

  assert {
    condition     = strcontains(local.put_records_template, "#else\n{\"StreamName\": \"votestream-test-votes\"}\n#end")
    error_message = "What fails the check becomes a request without records, which Kinesis refuses."
  }
}

run "a_batch_that_was_stored_in_part_says_so" {
  command = plan

  assert {
    condition     = [for status in ["429", "503", "207"] : strcontains(local.stored_batch_template, "#set($context.responseOverride.status = ${status})")] == [true, true, true]
    error_message = "Kinesis answers 200 whatever it stored: the template tells nothing, some and all apart."
  }

  assert {
    condition     = !strcontains(local.stored_batch_template, "ErrorMessage")
    error_message = "Kinesis' messages name the account and the stream."
  }

  assert {
    condition     = one(aws_api_gateway_integration_response.batch_unavailable[*].selection_pattern) == null && one(aws_api_gateway_integration_response.batch_unavailable[*].status_code) == "503"
    error_message = "What nobody thought of is 503."
  }
}

run "there_are_no_batches_unless_asked_for" {
  command = plan

  variables {
    batch_enabled = false
  }

  assert {
    condition     = length(aws_api_gateway_resource.batch) + length(aws_api_gateway_method.cast_votes) + length(aws_api_gateway_integration.put_records) == 0 && length(aws_iam_policy.back_end) == 0
    error_message = "A door that nobody needs is not there."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[0].Action == ["kinesis:PutRecord"]
    error_message = "Nor is the permission."
  }
}
