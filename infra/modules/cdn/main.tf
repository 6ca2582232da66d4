# Results for everybody who watches. The origin says with Cache-Control how long an answer may be kept: a second
# while a poll runs. Origin Shield puts one cache in front of the origin, so that it is asked once a second for each
# answer, however many places in the world ask CloudFront.
resource "aws_cloudfront_distribution" "this" {
  comment         = "Results of ${var.name}"
  enabled         = true
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = "PriceClass_All"

  origin {
    origin_id   = "api"
    domain_name = var.origin_domain_name
    origin_path = "/${var.origin_stage}"

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

  default_cache_behavior {
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

  # Without this CloudFront would keep a failure for ten seconds.
  dynamic "custom_error_response" {
    for_each = toset([404, 500, 502, 503, 504])

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 1
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }

  # checkov:skip=CKV_AWS_68: it answers nothing but two paths, from its cache; a firewall is charged by request
  # checkov:skip=CKV_AWS_86: a log of who watches which result is private
  # checkov:skip=CKV_AWS_174: CloudFront's own certificate has no setting for it; a domain of one's own would
  # checkov:skip=CKV_AWS_305: its root answers 404 like every path but these two
  # checkov:skip=CKV_AWS_310: there is one API, and no second copy of the results to fail over to
  # checkov:skip=CKV_AWS_374: everybody may watch, from anywhere
  # checkov:skip=CKV2_AWS_32: answers are JSON and CSV, which no browser shows as a page
  # checkov:skip=CKV2_AWS_42: works without a domain; who has one puts it in front
  # checkov:skip=CKV2_AWS_47: nothing behind it runs Java, let alone Log4j
}

resource "aws_cloudfront_cache_policy" "this" {
  name    = "${var.name}-results"
  comment = "As the origin's Cache-Control says; by path and by the two formats"
  # What the origin does not allow to be kept is not kept.
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
