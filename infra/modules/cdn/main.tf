# One address for browsers: pages from their bucket, polls and results from a cache, votes and receipts straight from
# the API. The origin says with Cache-Control how long an answer may be kept: a second while a poll runs. Origin Shield
# puts one cache in front of the API, for all of CloudFront's edge locations. The cache key is the path, `Accept`
# and `Accept-Encoding`, which CloudFront normalises, so the API is asked about once a second for each form of an answer.
resource "aws_cloudfront_distribution" "this" {
  comment             = "Pages and results of ${var.name}"
  enabled             = true
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  price_class         = "PriceClass_All"
  aliases             = try(var.domain.names, [])
  default_root_object = var.pages == null ? null : "vote"
  web_acl_id          = var.web_acl_arn

  origin {
    origin_id   = "api"
    domain_name = var.api_domain_name
    origin_path = "/${var.api_stage}"

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }

    origin_shield {
      enabled              = true
      origin_shield_region = var.origin_shield_region
    }
  }

  # No shield, because nothing is cached here and a detour takes time.
  dynamic "origin" {
    for_each = var.votes_origin[*]

    content {
      origin_id   = "votes"
      domain_name = origin.value.domain_name
      origin_path = origin.value.path

      custom_origin_config {
        http_port              = 80
        https_port             = 443
        origin_protocol_policy = "https-only"
        origin_ssl_protocols   = ["TLSv1.2"]
      }

      # Tells the API's firewall that CloudFront's has counted this vote already.
      dynamic "custom_header" {
        for_each = nonsensitive(var.edge_secret == null) ? [] : [1]

        content {
          name  = "X-Votestream-Edge"
          value = var.edge_secret.value
        }
      }
    }
  }

  dynamic "origin" {
    for_each = var.pages[*]

    content {
      origin_id                = "pages"
      domain_name              = origin.value.bucket_domain_name
      origin_access_control_id = one(aws_cloudfront_origin_access_control.pages[*].id)
    }
  }

  default_cache_behavior {
    target_origin_id           = var.pages == null ? "api" : "pages"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = var.pages == null ? aws_cloudfront_cache_policy.this.id : one(aws_cloudfront_cache_policy.pages[*].id)
    response_headers_policy_id = one(aws_cloudfront_response_headers_policy.pages[*].id)
    compress                   = true

    dynamic "function_association" {
      for_each = var.pages == null ? [1] : []

      content {
        event_type   = "viewer-request"
        function_arn = aws_cloudfront_function.viewer_request.arn
      }
    }
  }

  # The first matching pattern decides, so votes and receipts come before the rest of a poll's paths.
  dynamic "ordered_cache_behavior" {
    for_each = var.votes_origin == null ? {} : { votes = "/polls/*/votes", api = "/polls/*/votes/me" }

    content {
      path_pattern             = ordered_cache_behavior.value
      target_origin_id         = ordered_cache_behavior.key
      viewer_protocol_policy   = "https-only"
      allowed_methods          = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] # AWS offers POST only with all others
      cached_methods           = ["GET", "HEAD"]
      cache_policy_id          = local.caching_disabled
      origin_request_policy_id = local.all_but_host
      compress                 = true
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = var.pages == null ? [] : ["/polls/*"]

    content {
      path_pattern           = ordered_cache_behavior.value
      target_origin_id       = "api"
      viewer_protocol_policy = "redirect-to-https"
      allowed_methods        = ["GET", "HEAD"]
      cached_methods         = ["GET", "HEAD"]
      cache_policy_id        = aws_cloudfront_cache_policy.this.id
      compress               = true

      function_association {
        event_type   = "viewer-request"
        function_arn = aws_cloudfront_function.viewer_request.arn
      }
    }
  }

  # Without this CloudFront would keep a failure for ten seconds. The first two depend on the caller, so they are not cached.
  dynamic "custom_error_response" {
    for_each = { 400 = 0, 403 = 0, 404 = 1, 405 = 1, 500 = 1, 501 = 1, 502 = 1, 503 = 1, 504 = 1 }

    content {
      error_code            = custom_error_response.key
      error_caching_min_ttl = custom_error_response.value
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null ? true : null
    acm_certificate_arn            = try(var.domain.certificate_arn, null)
    minimum_protocol_version       = var.domain == null ? null : "TLSv1.2_2021"
    ssl_support_method             = var.domain == null ? null : "sni-only"
  }

  # checkov:skip=CKV_AWS_86: we keep no log of people who watch or vote
  # checkov:skip=CKV_AWS_310: there is one API, and no second copy of the results to fail over to
  # checkov:skip=CKV_AWS_374: anyone may watch, from anywhere
  # checkov:skip=CKV2_AWS_47: nothing behind it runs Java or Log4j
}

resource "aws_cloudfront_cache_policy" "this" {
  name    = "${var.name}-results"
  comment = "As the origin's Cache-Control says; by path and by the two formats"
  # Caches only what the origin allows.
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 86400

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "whitelist"

      headers {
        items = ["Accept"]
      }
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_function" "viewer_request" {
  name    = "${var.name}-viewer-request"
  comment = "Lets through what can be kept, in as few forms as possible"
  runtime = "cloudfront-js-2.0"
  code    = file("${path.module}/viewer_request.js")
  publish = true
}

locals {
  # AWS's own policies, the same in every account: Managed-CachingDisabled and Managed-AllViewerExceptHostHeader. An origin
  # that CloudFront reaches under its own name must not get the viewer's Host.
  caching_disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_but_host     = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
}
