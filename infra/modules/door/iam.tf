# A policy for the roles of back ends: it allows a back end to vouch for voters at this door, and nothing else.
locals {
  signed_calls = local.is_http ? [for route, authorization in local.routes : replace(replace(route, " ", ""), "{poll_id}", "*") if authorization == "AWS_IAM"] : []
}

resource "aws_iam_policy" "back_end" {
  count = local.signs || var.batch_enabled ? 1 : 0

  name        = "${var.name}-${var.kind}-back-end"
  description = "Lets a trusted back end vote in its voters' names at the ${var.kind} door of ${var.name}"
  policy      = local.is_http ? local.http_policy : local.url_policy
}

locals {
  http_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "VouchForVoters"
      Effect   = "Allow"
      Action   = "execute-api:Invoke"
      Resource = [for call in local.signed_calls : "${coalesce(one(aws_apigatewayv2_api.this[*].execution_arn), "-")}/$default/${call}"]
    }]
  })
  url_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "VouchForVoters"
        Effect    = "Allow"
        Action    = "lambda:InvokeFunctionUrl"
        Resource  = aws_lambda_alias.live.arn
        Condition = { StringEquals = { "lambda:FunctionUrlAuthType" = "AWS_IAM" } }
      },
      {
        # A back end that could invoke the function directly could invent the event.
        Sid       = "OnlyThroughTheUrl"
        Effect    = "Allow"
        Action    = "lambda:InvokeFunction"
        Resource  = aws_lambda_alias.live.arn
        Condition = { Bool = { "lambda:InvokedViaFunctionUrl" = "true" } }
      },
    ]
  })
}
