# The firewall in front of the API. A client's requests above the limit, and too large ones, never reach the API, so they
# do not take its capacity from others. The answers have the API's own shape.
locals {
  answers = {
    throttled = { error = "throttled", message = "Too many votes from this address at this moment; this vote is not stored. Send it again after the seconds in Retry-After." }
    too_large = { error = "too_large", message = "The request is too large. Send only option and voter." }
  }

  # Pages that may vote may read the reason of a refusal.
  cors_headers = length(var.allowed_origins) == 0 ? {} : {
    Access-Control-Allow-Origin   = length(var.allowed_origins) == 1 && !strcontains(join("", var.allowed_origins), "*") ? one(var.allowed_origins) : "*"
    Access-Control-Expose-Headers = "Retry-After"
  }
  headers = {
    throttled = merge(local.cors_headers, { Retry-After = tostring(var.settings.window_seconds) })
    too_large = local.cors_headers
  }

  # A batch may be as large as 500 votes. A back end signs it.
  batch_path = "/votes/batch"
}

resource "aws_wafv2_web_acl" "this" {
  name        = var.name
  description = "Limits for each client of the ${var.scope == "REGIONAL" ? "REST API" : "distribution"} ${var.name}"
  scope       = var.scope

  default_action {
    allow {}
  }

  dynamic "custom_response_body" {
    for_each = local.answers

    content {
      key          = custom_response_body.key
      content      = jsonencode(custom_response_body.value)
      content_type = "APPLICATION_JSON"
    }
  }

  rule {
    name     = "body-too-large"
    priority = 0

    action {
      block {
        custom_response {
          custom_response_body_key = "too_large"
          response_code            = 413

          dynamic "response_header" {
            for_each = local.headers.too_large

            content {
              name  = response_header.key
              value = response_header.value
            }
          }
        }
      }
    }

    statement {
      and_statement {
        statement {
          size_constraint_statement {
            comparison_operator = "GT"
            size                = var.settings.max_body_bytes

            field_to_match {
              body {
                # The firewall sees only the first 16 KB of a body: a longer one is too large in any case.
                oversize_handling = "MATCH"
              }
            }

            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }

        statement {
          not_statement {
            statement {
              byte_match_statement {
                positional_constraint = "ENDS_WITH"
                search_string         = local.batch_path

                field_to_match {
                  uri_path {}
                }

                text_transformation {
                  priority = 0
                  type     = "NONE"
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-body-too-large"
      sampled_requests_enabled   = false # samples would keep headers, and with them voters' tokens
    }
  }

  rule {
    name     = "too-many-votes"
    priority = 1

    action {
      block {
        custom_response {
          custom_response_body_key = "throttled"
          response_code            = 429

          dynamic "response_header" {
            for_each = local.headers.throttled

            content {
              name  = response_header.key
              value = response_header.value
            }
          }
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type    = var.settings.forwarded_ip_header == null ? "IP" : "FORWARDED_IP"
        evaluation_window_sec = var.settings.window_seconds
        limit                 = var.settings.requests_per_client

        dynamic "forwarded_ip_config" {
          for_each = var.settings.forwarded_ip_header[*]

          content {
            # A request without a readable address did not come through the proxy.
            fallback_behavior = "MATCH"
            header_name       = forwarded_ip_config.value
          }
        }

        # Votes only: reads come from the few addresses of a CDN, and batches from those of a back end.
        scope_down_statement {
          and_statement {
            statement {
              byte_match_statement {
                positional_constraint = "EXACTLY"
                search_string         = "POST"

                field_to_match {
                  method {}
                }

                text_transformation {
                  priority = 0
                  type     = "NONE"
                }
              }
            }

            statement {
              not_statement {
                statement {
                  byte_match_statement {
                    positional_constraint = "ENDS_WITH"
                    search_string         = local.batch_path

                    field_to_match {
                      uri_path {}
                    }

                    text_transformation {
                      priority = 0
                      type     = "NONE"
                    }
                  }
                }
              }
            }

            # CloudFront's firewall has already counted these, by the viewers' addresses.
            dynamic "statement" {
              for_each = nonsensitive(var.edge_secret == null) ? [] : [1]

              content {
                not_statement {
                  statement {
                    byte_match_statement {
                      positional_constraint = "EXACTLY"
                      search_string         = var.edge_secret.value

                      field_to_match {
                        single_header {
                          name = "x-votestream-edge"
                        }
                      }

                      text_transformation {
                        priority = 0
                        type     = "NONE"
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-too-many-votes"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }

  # checkov:skip=CKV_AWS_192: there is no Java behind it; templates and Python read what comes in
  # checkov:skip=CKV2_AWS_31: its log keeps headers and addresses, and so would tell who voted, and when
}

# CloudFront names its firewall itself.
resource "aws_wafv2_web_acl_association" "this" {
  count = var.scope == "REGIONAL" ? 1 : 0

  resource_arn = var.stage_arn
  web_acl_arn  = aws_wafv2_web_acl.this.arn
}
