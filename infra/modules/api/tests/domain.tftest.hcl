# A name of your own in front of the API.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  domain = {
    certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234"
    name            = "votes.example.org"
    zone_id         = "Z0123456789ABC"
  }
}

run "a_domain_leads_to_the_stage" {
  command = plan

  assert {
    condition     = output.invoke_url == "https://votes.example.org" && aws_api_gateway_base_path_mapping.this[0].stage_name == "v1"
    error_message = "Tools and pages must use the name that the tfvars set."
  }

  assert {
    condition     = aws_route53_record.this[0].zone_id == "Z0123456789ABC" && one(aws_route53_record.this[0].alias).name == output.domain_target
    error_message = "The record must point to the API's regional host."
  }
}

run "without_a_zone_you_add_the_record" {
  command = plan

  variables {
    domain = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234", name = "votes.example.org" }
  }

  assert {
    condition     = length(aws_route53_record.this) == 0 && output.domain_target != null
    error_message = "The output names the target of the record."
  }
}

run "without_a_domain_the_stages_url_is_used" {
  command = plan

  variables {
    domain = null
  }

  assert {
    condition     = output.invoke_url == "https://abcdef1234.execute-api.eu-west-1.amazonaws.com/v1" && length(aws_api_gateway_domain_name.this) == 0 && output.domain_target == null
    error_message = "A domain is optional."
  }
}

run "rejects_a_name_with_a_path" {
  command = plan

  variables {
    domain = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234", name = "votes.example.org/v1" }
  }

  expect_failures = [var.domain]
}

run "rejects_a_certificate_that_is_not_in_acm" {
  command = plan

  variables {
    domain = { certificate_arn = "arn:aws:iam::111122223333:server-certificate/votes", name = "votes.example.org" }
  }

  expect_failures = [var.domain]
}

run "rejects_a_zone_that_is_a_path" {
  command = plan

  variables {
    domain = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234", name = "votes.example.org", zone_id = "/hostedzone/Z1" }
  }

  expect_failures = [var.domain]
}
