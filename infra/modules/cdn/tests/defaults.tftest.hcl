# Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "one_origin_request_serves_all_viewers" {
  command = plan

  assert {
    condition     = one(one(aws_cloudfront_distribution.this.origin).origin_shield).enabled && one(one(aws_cloudfront_distribution.this.origin).origin_shield).origin_shield_region == "eu-west-1"
    error_message = "One cache stands in front of the API, so that it is not asked by every edge location."
  }

  assert {
    condition     = [one(aws_cloudfront_distribution.this.origin).domain_name, one(aws_cloudfront_distribution.this.origin).origin_path] == ["abcdef1234.execute-api.eu-west-1.amazonaws.com", "/v1"]
    error_message = "Paths are the API's, below its stage."
  }

  assert {
    condition     = [aws_cloudfront_cache_policy.this.min_ttl, aws_cloudfront_cache_policy.this.default_ttl] == [0, 0]
    error_message = "CloudFront must cache only what the API allows."
  }

  assert {
    condition     = { for response in aws_cloudfront_distribution.this.custom_error_response : response.error_code => response.error_caching_min_ttl } == { 400 = 0, 403 = 0, 404 = 1, 405 = 1, 500 = 1, 501 = 1, 502 = 1, 503 = 1, 504 = 1 }
    error_message = "A failure is cached for one second, not CloudFront's ten; one that depends on the caller is not cached."
  }

  assert {
    condition = [
      one(one(aws_cloudfront_cache_policy.this.parameters_in_cache_key_and_forwarded_to_origin).query_strings_config).query_string_behavior,
      one(one(aws_cloudfront_cache_policy.this.parameters_in_cache_key_and_forwarded_to_origin).cookies_config).cookie_behavior,
    ] == ["none", "none"]
    error_message = "Query strings and cookies change no answer, so the cache key must not hold them."
  }

  assert {
    condition     = one(one(one(aws_cloudfront_cache_policy.this.parameters_in_cache_key_and_forwarded_to_origin).headers_config).headers).items == toset(["Accept"])
    error_message = "Only the format is part of the key."
  }

  assert {
    condition     = one(one(aws_cloudfront_distribution.this.default_cache_behavior).function_association).event_type == "viewer-request"
    error_message = "The function must reduce Accept before CloudFront looks into its cache."
  }

  assert {
    condition     = one(aws_cloudfront_distribution.this.default_cache_behavior).target_origin_id == "api" && length(aws_cloudfront_distribution.this.ordered_cache_behavior) == 0
    error_message = "Without pages, CloudFront serves results only."
  }

  assert {
    condition     = one(aws_cloudfront_distribution.this.viewer_certificate).cloudfront_default_certificate
    error_message = "Without a domain of yours, CloudFront's certificate is used."
  }
}

run "accepts_the_longest_name" {
  command = plan
  variables { name = format("%049d", 0) }
}

run "rejects_a_certificate_of_another_region_and_too_long_a_name" {
  command = plan

  variables {
    name   = format("%050d", 0)
    domain = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0", names = ["vote.example.org"] }
  }

  expect_failures = [var.name, var.domain]
}

run "rejects_a_domain_without_names" {
  command = plan
  variables { domain = { certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0", names = [] } }
  expect_failures = [var.domain]
}

run "rejects_a_zone_with_its_path" {
  command = plan
  variables { domain = { certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0", names = ["vote.example.org"], zone_id = "/hostedzone/Z0123456789ABC" } }
  expect_failures = [var.domain]
}
