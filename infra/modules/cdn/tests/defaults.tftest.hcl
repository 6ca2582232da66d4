# Each path's origin and cache. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan

  override_resource {
    target = aws_cloudfront_cache_policy.this
    values = { id = "results" }
  }

  override_resource {
    target = aws_cloudfront_cache_policy.pages
    values = { id = "pages" }
  }

  override_resource {
    target = aws_cloudfront_response_headers_policy.pages
    values = { id = "headers" }
  }

  override_resource {
    target = aws_cloudfront_origin_access_control.pages
    values = { id = "access" }
  }
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

run "each_path_has_its_origin_its_cache_and_its_name" {
  command = plan

  variables {
    edge_secret = { value = "known-to-the-firewall" }
    web_acl_arn = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/votestream-test/0"
    domain = {
      certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0"
      names           = ["vote.example.org", "www.vote.example.org"]
      zone_id         = "Z0123456789ABC"
    }
    pages = {
      bucket_domain_name = "votestream-test-pages.s3.eu-west-1.amazonaws.com"
      security_policy    = "default-src 'none'"
    }
    votes_origin = {
      domain_name = "votes.lambda-url.eu-west-1.on.aws"
      path        = ""
    }
  }

  assert {
    condition = { for rule in aws_cloudfront_distribution.this.ordered_cache_behavior : rule.path_pattern => [rule.target_origin_id, rule.cache_policy_id] } == {
      "/polls/*/votes"    = ["votes", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"]
      "/polls/*/votes/me" = ["api", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"]
      "/polls/*"          = ["api", "results"]
    }
    error_message = "Votes and receipts are never cached; results are cached as the API says."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.ordered_cache_behavior[2].path_pattern == "/polls/*"
    error_message = "The first matching pattern decides: the one that also matches votes comes last."
  }

  assert {
    condition = [
      one(aws_cloudfront_distribution.this.default_cache_behavior).target_origin_id,
      one(aws_cloudfront_distribution.this.default_cache_behavior).cache_policy_id,
      one(aws_cloudfront_distribution.this.default_cache_behavior).response_headers_policy_id,
    ] == ["pages", "pages", "headers"]
    error_message = "All other paths are pages, with their security headers."
  }

  assert {
    condition     = alltrue([for rule in slice(aws_cloudfront_distribution.this.ordered_cache_behavior, 0, 2) : contains(rule.allowed_methods, "POST") && rule.viewer_protocol_policy == "https-only"])
    error_message = "Votes are posted, and never over an open connection."
  }

  assert {
    condition     = alltrue([for rule in slice(aws_cloudfront_distribution.this.ordered_cache_behavior, 0, 2) : rule.origin_request_policy_id == "b689b0a8-53d0-40ab-baf2-68738e2966ac"])
    error_message = "The origin gets the voter's token and the receipt's query, and its own Host."
  }

  assert {
    condition     = toset(flatten([one(aws_cloudfront_distribution.this.default_cache_behavior).allowed_methods, aws_cloudfront_distribution.this.ordered_cache_behavior[2].allowed_methods])) == toset(["GET", "HEAD"])
    error_message = "Pages and results are only read."
  }

  assert {
    condition     = one(aws_cloudfront_distribution.this.ordered_cache_behavior[2].function_association).event_type == "viewer-request"
    error_message = "The cache key allows four answers for each poll at most."
  }

  assert {
    condition     = [aws_cloudfront_cache_policy.pages[0].min_ttl, aws_cloudfront_cache_policy.pages[0].max_ttl] == [0, 31536000]
    error_message = "Each file's own Cache-Control decides, up to a year for hashed files."
  }

  assert {
    condition = [
      one(one(aws_cloudfront_cache_policy.pages[0].parameters_in_cache_key_and_forwarded_to_origin).query_strings_config).query_string_behavior,
      one(one(aws_cloudfront_cache_policy.pages[0].parameters_in_cache_key_and_forwarded_to_origin).cookies_config).cookie_behavior,
      one(one(aws_cloudfront_cache_policy.pages[0].parameters_in_cache_key_and_forwarded_to_origin).headers_config).header_behavior,
    ] == ["none", "none", "none"]
    error_message = "?overlay and ?lang are read by the page only: they must not add cache entries."
  }

  assert {
    condition     = { for origin in aws_cloudfront_distribution.this.origin : origin.origin_id => origin.origin_access_control_id if origin.origin_id == "pages" } == { pages = "access" }
    error_message = "The bucket is private: it answers CloudFront's signed requests only."
  }

  assert {
    condition     = one(one(aws_cloudfront_response_headers_policy.pages[0].security_headers_config).content_security_policy).content_security_policy == "default-src 'none'"
    error_message = "frame-ancestors works in a header only."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.web_acl_id == "arn:aws:wafv2:us-east-1:111122223333:global/webacl/votestream-test/0"
    error_message = "The firewall of scope CLOUDFRONT sees the voters' own addresses."
  }

  assert {
    condition     = { for origin in aws_cloudfront_distribution.this.origin : origin.origin_id => length(origin.custom_header) } == { api = 0, pages = 0, votes = 1 }
    error_message = "Only votes carry the secret, and only to their own origin."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.aliases == toset(["vote.example.org", "www.vote.example.org"]) && one(aws_cloudfront_distribution.this.viewer_certificate).minimum_protocol_version == "TLSv1.2_2021"
    error_message = "The names are the distribution's, with TLS 1.2 or newer."
  }

  assert {
    condition     = toset([for record in aws_route53_record.this : "${record.name} ${record.type}"]) == toset(["vote.example.org A", "vote.example.org AAAA", "www.vote.example.org A", "www.vote.example.org AAAA"])
    error_message = "Each name is found over IPv4 and IPv6."
  }

  assert {
    condition     = output.url == "https://vote.example.org"
    error_message = "Links use the first name."
  }
}

run "without_votes_nothing_is_posted" {
  command = plan
  variables { pages = { bucket_domain_name = "votestream-test-pages.s3.eu-west-1.amazonaws.com", security_policy = "default-src 'none'" } }

  assert {
    condition     = [for rule in aws_cloudfront_distribution.this.ordered_cache_behavior : rule.path_pattern] == ["/polls/*"]
    error_message = "If back ends sign votes, only results come through CloudFront."
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
