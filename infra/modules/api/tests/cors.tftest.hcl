# CORS: the pages that may vote from a browser.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "no_page_may_unless_its_origin_is_named" {
  command = plan

  assert {
    condition     = length(aws_api_gateway_method.preflight) == 0 && local.cors_template == "" && length(local.refusal_cors) == 0
    error_message = "Without origins there must be no CORS."
  }
}

run "a_page_of_a_named_origin_may_vote_and_ask_for_its_receipt" {
  command = plan

  variables {
    allowed_origins = ["https://vote.example.org", "http://localhost:*"]
  }

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

run "a_single_origin_is_named_everywhere" {
  command = plan

  variables {
    allowed_origins = ["https://vote.example.org"]
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.this : response.response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://vote.example.org'"])
    error_message = "With one origin there is nothing to compare."
  }

  assert {
    condition     = aws_api_gateway_gateway_response.this["THROTTLED"].response_parameters["gatewayresponse.header.Retry-After"] == "'4'" && aws_api_gateway_gateway_response.this["THROTTLED"].response_parameters["gatewayresponse.header.Access-Control-Expose-Headers"] == "'Retry-After'"
    error_message = "A page may read Retry-After."
  }
}

run "rejects_every_origin_at_once" {
  command = plan

  variables {
    allowed_origins = ["*"]
  }

  expect_failures = [var.allowed_origins]
}

run "rejects_every_port_of_a_host_on_the_internet" {
  command = plan

  variables {
    allowed_origins = ["http://vote.example.org:*"]
  }

  expect_failures = [var.allowed_origins]
}

run "a_pattern_is_not_named_as_an_origin" {
  command = plan

  variables {
    allowed_origins = ["http://localhost:*"]
  }

  assert {
    condition     = alltrue([for response in aws_api_gateway_gateway_response.this : response.response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"])
    error_message = "A browser compares the header with its page's origin letter by letter, so a pattern would allow no page."
  }
}

run "rejects_an_origin_with_a_path" {
  command = plan

  variables {
    allowed_origins = ["https://vote.example.org/"]
  }

  expect_failures = [var.allowed_origins]
}

run "rejects_an_origin_that_would_end_its_string_in_the_template" {
  command = plan

  variables {
    allowed_origins = ["https://vote.example.org', 'https://evil.example"]
  }

  expect_failures = [var.allowed_origins]
}
