# CloudFront for the pages: access to their bucket, a cache by path alone, and security headers.
resource "aws_cloudfront_origin_access_control" "pages" {
  count = var.pages == null ? 0 : 1

  name                              = "${var.name}-pages"
  description                       = "Reads the bucket of the pages"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_cache_policy" "pages" {
  count = var.pages == null ? 0 : 1

  name    = "${var.name}-pages"
  comment = "As each file's Cache-Control says; by path only"
  # publish.py sets Cache-Control on every file.
  min_ttl     = 0
  default_ttl = 60
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "pages" {
  count = var.pages == null ? 0 : 1

  name    = "${var.name}-pages"
  comment = "What a browser may do with the pages"

  security_headers_config {
    content_security_policy {
      content_security_policy = var.pages.security_policy
      override                = true
    }

    content_type_options {
      override = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
  }

  custom_headers_config {
    items {
      header   = "Permissions-Policy"
      value    = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
      override = true
    }
  }

  # checkov:skip=CKV_AWS_259: preload and includeSubDomains would bind all hosts below a domain that is not only ours
}

# Only if the tfvars name a zone. Otherwise you add records for the output cdn_target.
resource "aws_route53_record" "this" {
  for_each = try(var.domain.zone_id, null) == null ? {} : {
    for pair in setproduct(var.domain.names, ["A", "AAAA"]) : "${pair[0]} ${pair[1]}" => { name = pair[0], type = pair[1] }
  }

  zone_id = var.domain.zone_id
  name    = each.value.name
  type    = each.value.type

  alias {
    evaluate_target_health = false
    name                   = aws_cloudfront_distribution.this.domain_name
    zone_id                = aws_cloudfront_distribution.this.hosted_zone_id
  }
}
