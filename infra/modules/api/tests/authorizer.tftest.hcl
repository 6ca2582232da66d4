# The source of the voter in each mode. The local cloud checks tokens and signatures. These tests show that AWS is asked to
# check them, and that a template takes the voter from one place only.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "without_sign_in_the_body_names_the_voter" {
  command = plan

  assert {
    condition     = aws_api_gateway_method.cast_vote[0].authorization == "NONE" && length(aws_api_gateway_authorizer.voters) == 0 && length(aws_iam_policy.back_end) == 0
    error_message = "Mode none needs no credentials."
  }

  assert {
    condition     = strcontains(local.put_record_template, "#set($voter = $vote.voter)\n") && strcontains(local.put_record_template, "#set($other_voter = '')\n")
    error_message = "The voter is the body's, unquoted, so that nothing but a string passes the check."
  }
}

run "a_back_end_signs_and_names_the_voter" {
  command = plan

  variables {
    voter_auth = "iam"
  }

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
}

run "results_are_public_in_every_mode" {
  command = plan

  variables {
    voter_auth    = "cognito"
    user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"
  }

  assert {
    condition     = alltrue([for read in ["poll", "results"] : aws_api_gateway_method.read[read].authorization == "NONE" && aws_api_gateway_method.read[read].authorizer_id == null])
    error_message = "Viewers do not sign in."
  }
}

run "without_scopes_id_tokens_with_scopes_access_tokens" {
  command = plan

  variables {
    voter_auth    = "cognito"
    user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"
    token_scopes  = ["votes/cast"]
  }

  assert {
    condition     = aws_api_gateway_method.cast_vote[0].authorization_scopes == toset(["votes/cast"]) && aws_api_gateway_method.read["receipt"].authorization_scopes == toset(["votes/cast"])
    error_message = "API Gateway asks for access tokens if there are scopes."
  }
}

run "rejects_an_unknown_mode" {
  command = plan

  variables {
    voter_auth = "jwt"
  }

  expect_failures = [var.voter_auth]
}

run "rejects_signing_in_without_a_pool" {
  command = plan

  variables {
    voter_auth = "cognito"
  }

  expect_failures = [var.user_pool_arn]
}

run "rejects_a_pool_without_mode_cognito" {
  command = plan

  variables {
    voter_auth    = "iam"
    user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters"
  }

  expect_failures = [var.user_pool_arn]
}

run "rejects_scopes_where_there_are_no_tokens" {
  command = plan

  variables {
    token_scopes = ["votes/cast"]
  }

  expect_failures = [var.token_scopes]
}

run "it_takes_no_votes_where_it_cannot_check_codes" {
  command = plan

  variables {
    voter_auth      = "codes"
    allowed_origins = ["https://vote.example.org"]
  }

  assert {
    condition     = length(aws_api_gateway_method.cast_vote) + length(aws_api_gateway_integration.put_record) == 0
    error_message = "At this door a request could name any voter."
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
