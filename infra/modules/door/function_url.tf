# The function URL. With "iam" AWS checks signatures. In the other modes it is public, and the function trusts only
# the request in its event.
resource "aws_lambda_function_url" "this" {
  count = local.is_url ? 1 : 0

  function_name      = aws_lambda_alias.live.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = local.signs ? "AWS_IAM" : "NONE"

  dynamic "cors" {
    for_each = length(local.origins) == 0 ? [] : [local.origins]

    content {
      allow_headers  = ["authorization", "content-type"]
      allow_methods  = ["POST"]
      allow_origins  = cors.value
      expose_headers = ["retry-after"]
      max_age        = 600
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  # checkov:skip=CKV_AWS_258: voter_auth says who may vote; "none" is chosen in the tfvars, and a check warns about it
}

# URLs made since October 2025 need both permissions. The second one should hold for calls through the URL only
# (lambda:InvokedViaFunctionUrl), but provider 5.100 cannot say so. So any account may also invoke the function
# directly, with an invented event. It gains nothing by that: see docs/security.md.
resource "aws_lambda_permission" "public_url" {
  count = local.is_url && !local.signs ? 1 : 0

  statement_id_prefix    = "${var.name}-votes-url-"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_alias.live.function_name
  qualifier              = aws_lambda_alias.live.name
  principal              = "*"
  function_url_auth_type = "NONE"

  lifecycle {
    create_before_destroy = true
  }

  # checkov:skip=CKV_AWS_301: voters vote from anywhere; the function checks what they send
}

resource "aws_lambda_permission" "public_function" {
  count = local.is_url && !local.signs ? 1 : 0

  statement_id_prefix = "${var.name}-votes-function-"
  action              = "lambda:InvokeFunction"
  function_name       = aws_lambda_alias.live.function_name
  qualifier           = aws_lambda_alias.live.name
  principal           = "*"

  lifecycle {
    create_before_destroy = true
  }

  # checkov:skip=CKV_AWS_301: the URL needs it; the function trusts only the request in its event
}
