# Nothing is created: the provider is mocked, and no local engine applies these rules. So they are read as planned.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name      = "votestream-test"
  settings  = { requests_per_client = 1000 }
  stage_arn = "arn:aws:apigateway:eu-west-1::/restapis/abcdef1234/stages/v1"
}

run "only_too_many_votes_and_too_large_bodies_are_refused" {
  command = plan

  assert {
    condition     = [aws_wafv2_web_acl_association.this[0].resource_arn, aws_wafv2_web_acl_association.this[0].web_acl_arn] == [var.stage_arn, aws_wafv2_web_acl.this.arn]
    error_message = "The rules apply to the API's stage."
  }

  assert {
    condition     = length(one(aws_wafv2_web_acl.this.default_action).allow) == 1
    error_message = "Requests within the limits pass."
  }

  assert {
    condition     = [for rule in aws_wafv2_web_acl.this.rule : one(rule.statement).rate_based_statement if rule.name == "too-many-votes"][0][0].limit == 1000 && [for rule in aws_wafv2_web_acl.this.rule : one(rule.statement).rate_based_statement if rule.name == "too-many-votes"][0][0].evaluation_window_sec == 300
    error_message = "The limit counts votes in its time window."
  }

  assert {
    condition     = [for rule in aws_wafv2_web_acl.this.rule : one(rule.statement).rate_based_statement if rule.name == "too-many-votes"][0][0].aggregate_key_type == "IP"
    error_message = "The connection's own address can't be forged."
  }

  assert {
    condition     = [for statement in one(one([for rule in aws_wafv2_web_acl.this.rule : one(rule.statement).rate_based_statement if rule.name == "too-many-votes"][0][0].scope_down_statement).and_statement).statement : try(one(statement.byte_match_statement).search_string, one(one(one(statement.not_statement).statement).byte_match_statement).search_string)] == ["POST", "/votes/batch"]
    error_message = "Reads come from a CDN's few addresses and batches from a back end's: neither is counted."
  }

  assert {
    condition     = { for rule in aws_wafv2_web_acl.this.rule : rule.name => one(one(one(rule.action).block).custom_response).response_code } == { body-too-large = 413, too-many-votes = 429 }
    error_message = "The firewall's answers must look like the API's."
  }

  assert {
    condition     = [for header in [for rule in aws_wafv2_web_acl.this.rule : one(one(one(rule.action).block).custom_response).response_header if rule.name == "too-many-votes"][0] : "${header.name}: ${header.value}"] == ["Retry-After: 300"]
    error_message = "Retry-After must be the window, after which the count starts again."
  }

  assert {
    condition     = { for body in aws_wafv2_web_acl.this.custom_response_body : body.key => jsondecode(body.content).error } == { throttled = "throttled", too_large = "too_large" }
    error_message = "The codes are the API's."
  }

  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this.rule : one(one(one(one(rule.statement).and_statement).statement[0].size_constraint_statement).field_to_match).body if rule.name == "body-too-large"][0]).oversize_handling == "MATCH"
    error_message = "The firewall sees the first 16 KB only."
  }

  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this.rule : one(rule.statement).and_statement if rule.name == "body-too-large"][0]).statement[0].size_constraint_statement[0].size == 4096
    error_message = "A vote has 230 bytes at most, and some room for spaces."
  }

  assert {
    condition     = alltrue([for rule in aws_wafv2_web_acl.this.rule : !one(rule.visibility_config).sampled_requests_enabled]) && !one(aws_wafv2_web_acl.this.visibility_config).sampled_requests_enabled
    error_message = "Samples keep headers, and with them voters' tokens."
  }
}

run "behind_a_proxy_or_cloudfront_a_clients_own_address_counts_with_the_least_of_everything" {
  command = plan

  variables {
    settings        = { requests_per_client = 10, window_seconds = 60, max_body_bytes = 512, forwarded_ip_header = "X-Forwarded-For" }
    edge_secret     = { value = "known-to-cloudfront" }
    allowed_origins = ["https://vote.example.org"]
  }

  assert {
    condition     = [for rule in aws_wafv2_web_acl.this.rule : one(rule.statement).rate_based_statement if rule.name == "too-many-votes"][0][0].aggregate_key_type == "FORWARDED_IP" && one([for rule in aws_wafv2_web_acl.this.rule : one(rule.statement).rate_based_statement if rule.name == "too-many-votes"][0][0].forwarded_ip_config).fallback_behavior == "MATCH"
    error_message = "A request without an address in the header did not come through the proxy."
  }

  assert {
    condition = length([
      for statement in one(one(one(one(one([for rule in aws_wafv2_web_acl.this.rule : rule if rule.name == "too-many-votes"]).statement).rate_based_statement).scope_down_statement).and_statement).statement :
      statement if length(statement.not_statement) > 0 && try(one(one(one(one(statement.not_statement).statement).byte_match_statement).field_to_match).single_header[0].name, "") == "x-votestream-edge"
    ]) == 1
    error_message = "Votes from CloudFront's few addresses must not be counted twice."
  }

  assert {
    condition     = contains([for header in [for rule in aws_wafv2_web_acl.this.rule : one(one(one(rule.action).block).custom_response).response_header if rule.name == "too-many-votes"][0] : "${header.name}: ${header.value}"], "Access-Control-Allow-Origin: https://vote.example.org")
    error_message = "An answer that a page can't read looks like a broken network."
  }
}

run "in_front_of_cloudfront_it_associates_nothing_and_takes_the_most_of_everything" {
  command = plan

  variables {
    scope     = "CLOUDFRONT"
    stage_arn = null
    settings  = { requests_per_client = 2000000000, window_seconds = 600, max_body_bytes = 16384, forwarded_ip_header = "True-Client-IP" }
  }

  assert {
    condition     = aws_wafv2_web_acl.this.scope == "CLOUDFRONT" && length(aws_wafv2_web_acl_association.this) == 0
    error_message = "A distribution names its firewall itself."
  }
}

# For every rule: a value that just passes, and one that just fails.
run "rejects_another_scope_and_9_requests" {
  command = plan

  variables {
    scope    = "GLOBAL"
    settings = { requests_per_client = 9 }
  }

  expect_failures = [var.scope, var.settings]
}

run "rejects_more_requests_than_waf_counts" {
  command = plan
  variables { settings = { requests_per_client = 2000000001 } }
  expect_failures = [var.settings]
}

run "rejects_a_window_that_waf_does_not_have" {
  command = plan
  variables { settings = { requests_per_client = 1000, window_seconds = 30 } }
  expect_failures = [var.settings]
}

run "rejects_a_body_shorter_than_a_vote_can_be" {
  command = plan
  variables { settings = { requests_per_client = 1000, max_body_bytes = 511 } }
  expect_failures = [var.settings]
}

run "rejects_a_body_longer_than_waf_sees" {
  command = plan
  variables { settings = { requests_per_client = 1000, max_body_bytes = 16385 } }
  expect_failures = [var.settings]
}

run "rejects_an_invalid_header_name" {
  command = plan
  variables { settings = { requests_per_client = 1000, forwarded_ip_header = "X Forwarded For" } }
  expect_failures = [var.settings]
}
