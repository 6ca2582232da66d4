# The source of the voter in each mode. The local cloud checks tokens and signatures. These tests show that AWS is asked to
# check them, and that a template takes the voter from one place only.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "a_back_end_signs_and_names_the_voter" {
  command = plan
  variables { voter_auth = "iam" }

  assert {
    condition     = [aws_api_gateway_method.cast_vote[0].authorization, aws_api_gateway_method.read["receipt"].authorization] == ["AWS_IAM", "AWS_IAM"]
    error_message = "Votes and receipts need a signed request."
  }

  assert {
    condition     = strcontains(local.put_record_template, "#set($voter = $vote.voter)\n") && jsondecode(aws_api_gateway_model.vote.schema).required == ["option", "voter"]
    error_message = "The back end names the voter."
  }

  assert {
    condition = jsondecode(one(aws_iam_policy.back_end[*].policy)).Statement == [{
      Sid      = "VouchForVoters"
      Effect   = "Allow"
      Action   = "execute-api:Invoke"
      Resource = ["arn:aws:execute-api:eu-west-1:111122223333:abcdef1234/v1/POST/polls/*/votes", "arn:aws:execute-api:eu-west-1:111122223333:abcdef1234/v1/GET/polls/*/votes/me"]
    }]
    error_message = "A back end may vote and ask for receipts at this API, and nothing else."
  }

  assert {
    condition     = strcontains(local.refusals.not_found.message, "not signed")
    error_message = "API Gateway has one answer for unknown paths and unsigned requests: its text has to cover both."
  }
}

run "signed_in_voters_vote_as_themselves" {
  command = plan

  variables {
    voter_auth    = "cognito"
    user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"
    token_scopes  = ["votes/cast"]
  }

  assert {
    condition     = [aws_api_gateway_method.cast_vote[0].authorization, aws_api_gateway_method.cast_vote[0].authorizer_id] == ["COGNITO_USER_POOLS", "auth00"]
    error_message = "Votes pass the authorizer."
  }

  assert {
    condition     = [aws_api_gateway_method.read["receipt"].authorization, aws_api_gateway_method.read["receipt"].authorizer_id] == ["COGNITO_USER_POOLS", "auth00"]
    error_message = "Receipts pass the authorizer, too: each is about one voter."
  }

  assert {
    condition     = one(aws_api_gateway_authorizer.voters[*].provider_arns) == toset(["arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"]) && one(aws_api_gateway_authorizer.voters[*].identity_source) == "method.request.header.Authorization"
    error_message = "Only this pool's tokens count."
  }

  assert {
    condition     = strcontains(local.put_record_template, "#set($voter = \"$!context.authorizer.claims.sub\")\n")
    error_message = "The voter is the verified subject."
  }

  assert {
    condition     = length(regexall("\\$!?vote\\.voter", local.put_record_template)) == 1 && strcontains(local.put_record_template, "#set($other_voter = \"$!vote.voter\")\n") && strcontains(local.put_record_template, "#if($content_type != '' && $other_voter == '' && ")
    error_message = "The template looks at a voter in the body for one reason: to refuse it."
  }

  assert {
    condition     = keys(jsondecode(aws_api_gateway_model.vote.schema).properties) == ["option"] && jsondecode(aws_api_gateway_model.vote.schema).required == ["option"] && !jsondecode(aws_api_gateway_model.vote.schema).additionalProperties
    error_message = "The model refuses a voter in the body, too."
  }

  assert {
    condition     = strcontains(local.refusals.malformed.message, "leave voter out")
    error_message = "The answer says what to do."
  }

  assert {
    condition     = alltrue([for read in ["poll", "results"] : aws_api_gateway_method.read[read].authorization == "NONE" && aws_api_gateway_method.read[read].authorizer_id == null])
    error_message = "Viewers must not need to sign in."
  }

  assert {
    condition     = aws_api_gateway_method.cast_vote[0].authorization_scopes == toset(["votes/cast"]) && aws_api_gateway_method.read["receipt"].authorization_scopes == toset(["votes/cast"])
    error_message = "API Gateway asks for access tokens if there are scopes."
  }
}

run "batches_need_a_signature_and_are_checked_vote_by_vote" {
  command = plan

  variables {
    voter_auth    = "cognito"
    user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"
    batch_enabled = true
  }

  assert {
    condition     = [one(aws_api_gateway_method.cast_votes[*].authorization), one(aws_api_gateway_method.cast_votes[*].http_method), one(aws_api_gateway_resource.batch[*].path_part)] == ["AWS_IAM", "POST", "batch"]
    error_message = "Only a principal that the account trusts may name other people as voters."
  }

  assert {
    condition     = jsondecode(one(aws_iam_policy.back_end[*].policy)).Statement[0].Resource == ["arn:aws:execute-api:eu-west-1:111122223333:abcdef1234/v1/POST/polls/*/votes/batch"]
    error_message = "If voters sign in, a back end may send batches and nothing else."
  }

  assert {
    condition     = [one(aws_api_gateway_integration.put_records[*].type), one(aws_api_gateway_integration.put_records[*].uri), one(aws_api_gateway_integration.put_records[*].passthrough_behavior)] == ["AWS", "arn:aws:apigateway:eu-west-1:kinesis:action/PutRecords", "NEVER"]
    error_message = "API Gateway itself calls PutRecords, with nothing but what the template builds."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement == [{ Sid = "PutVotes", Effect = "Allow", Action = ["kinesis:PutRecord", "kinesis:PutRecords"], Resource = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes" }]
    error_message = "The role may put several records only where batches are on."
  }

  assert {
    condition     = keys(aws_api_gateway_method_response.cast_votes) == concat(["202", "207"], slice(keys(aws_api_gateway_method_response.cast_vote), 1, 5)) && keys(aws_api_gateway_method_response.cast_vote) == ["202", "400", "415", "429", "503"]
    error_message = "AWS's export of the API must list a single vote's answers and 207 for a batch."
  }

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

  assert {
    condition     = [for status in ["429", "503", "207"] : strcontains(local.stored_batch_template, "#set($context.responseOverride.status = ${status})")] == [true, true, true]
    error_message = "Kinesis always answers 200, so the template must check whether it has stored no, some or all records."
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

run "it_takes_no_votes_where_it_cannot_check_codes" {
  command = plan

  variables {
    voter_auth      = "codes"
    allowed_origins = ["https://vote.example.org"]
  }

  assert {
    condition     = length(aws_api_gateway_method.cast_vote) + length(aws_api_gateway_integration.put_record) == 0
    error_message = "At this door a request could name any voter, so it must take no votes."
  }

  assert {
    condition     = keys(aws_api_gateway_method.read) == ["poll", "receipt", "results"] && aws_api_gateway_method.read["receipt"].authorization == "NONE"
    error_message = "Only a holder of the code knows the voter's name in a receipt's query, because it cannot be guessed."
  }

  assert {
    condition     = keys(aws_api_gateway_method.preflight) == ["receipt"]
    error_message = "CORS covers existing methods only."
  }

  assert {
    condition     = strcontains(local.bodies.not_found, "the deployment's votes_url")
    error_message = "A client at the old address learns where to send votes."
  }
}

run "it_takes_no_votes_and_no_receipts_where_it_cannot_check_tokens" {
  command = plan

  variables {
    voter_auth      = "oidc"
    allowed_origins = ["https://vote.example.org"]
  }

  assert {
    condition     = length(aws_api_gateway_method.cast_vote) == 0 && keys(aws_api_gateway_method.read) == ["poll", "results"] && length(aws_api_gateway_method.preflight) == 0
    error_message = "At this door a request could vote as any voter, and ask whether any voter has voted."
  }
}
