# The pages that may vote from a browser (CORS), and your own domain in front of the API.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "a_page_of_a_named_origin_may_vote_and_ask_for_its_receipt" {
  command = plan
  variables { allowed_origins = ["https://vote.example.org", "http://localhost:*"] }

  assert {
    condition     = { for name, method in aws_api_gateway_method.preflight : name => [method.http_method, method.authorization] } == { cast_vote = ["OPTIONS", "NONE"], receipt = ["OPTIONS", "NONE"] }
    error_message = "A preflight request has no token, and browsers send no batches."
  }

  assert {
    condition     = strcontains(local.cors_template, "#set($allowed = $origin.matches('https://vote[.]example[.]org|http://localhost:[0-9]{1,5}'))\n#if($allowed)")
    error_message = "An origin is compared as a whole, and answered only if it is one of these."
  }

  assert {
    condition     = alltrue([for response in [aws_api_gateway_integration_response.stored[0], aws_api_gateway_integration_response.refused[0], aws_api_gateway_integration_response.unavailable[0]] : startswith(response.response_templates["application/json"], local.cors_template)])
    error_message = "A page must be able to read every answer to a vote: an unreadable one looks like a broken network."
  }

  assert {
    condition     = !strcontains(join("", [for response in aws_api_gateway_integration_response.preflight : response.response_templates["application/json"]]), "Allow-Credentials")
    error_message = "CORS must not allow cookies."
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.this : response.response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"])
    error_message = "API Gateway's own answers cannot compare origins, so every page may read their fixed texts."
  }
}

run "a_single_origin_is_named_everywhere_and_a_domain_leads_to_the_stage" {
  command = plan

  variables {
    allowed_origins = ["https://vote.example.org"]
    domain = {
      certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234"
      name            = "votes.example.org"
      zone_id         = "Z0123456789ABC"
    }
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.this : response.response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://vote.example.org'"])
    error_message = "With one origin there is nothing to compare."
  }

  assert {
    condition     = aws_api_gateway_gateway_response.this["THROTTLED"].response_parameters["gatewayresponse.header.Retry-After"] == "'4'" && aws_api_gateway_gateway_response.this["THROTTLED"].response_parameters["gatewayresponse.header.Access-Control-Expose-Headers"] == "'Retry-After'"
    error_message = "A page may read Retry-After."
  }

  assert {
    condition     = output.invoke_url == "https://votes.example.org" && aws_api_gateway_base_path_mapping.this[0].stage_name == "v1"
    error_message = "Tools and pages must use the name that the tfvars set."
  }

  assert {
    condition     = aws_route53_record.this[0].zone_id == "Z0123456789ABC" && one(aws_route53_record.this[0].alias).name == output.domain_target
    error_message = "The record must point to the API's regional host."
  }
}

run "a_pattern_is_not_named_as_an_origin_and_without_a_zone_you_add_the_record" {
  command = plan

  variables {
    allowed_origins = ["http://localhost:*"]
    domain          = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234", name = "votes.example.org" }
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.this : response.response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"])
    error_message = "A browser compares the header with its page's origin letter by letter, so a pattern would allow no page."
  }

  assert {
    condition     = length(aws_route53_record.this) == 0 && output.domain_target != null
    error_message = "The output names the target of the record."
  }
}
