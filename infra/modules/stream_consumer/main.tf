locals {
  consumer_name = "${var.deployment.name_prefix}-${replace(var.name, "_", "-")}"
  bucket_name   = "${local.consumer_name}-failures-${data.aws_caller_identity.current.account_id}"

  polls_with_other_lanes = { for poll, factor in var.held_lanes : poll => factor if factor != var.settings.parallelization_factor }
}

data "aws_caller_identity" "current" {}

# This is the only module that calls another one. A function is defined once, and the root need not know the parts of
# a consumer.
module "function" {
  source = "../function"

  name                  = var.name
  deployment            = var.deployment
  description           = "Consumes votes from the stream: ${var.name}"
  handler               = var.handler
  environment_variables = var.environment_variables
  key_uses              = merge(var.key_uses, local.consumer_key_uses)
  permissions           = merge(var.permissions, local.consumer_permissions)
  settings              = var.settings
}

resource "aws_kinesis_stream_consumer" "this" {
  count = var.settings.enhanced_fan_out ? 1 : 0

  name       = local.consumer_name
  stream_arn = var.stream_arn
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn = var.settings.enhanced_fan_out ? one(aws_kinesis_stream_consumer.this[*].arn) : var.stream_arn
  function_name    = module.function.function_arn
  # LATEST would skip the votes that arrive while the mapping is being created.
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = var.settings.batch_size
  maximum_batching_window_in_seconds = var.settings.batching_window_seconds
  parallelization_factor             = var.settings.parallelization_factor
  maximum_record_age_in_seconds      = var.settings.maximum_record_age_seconds
  maximum_retry_attempts             = var.settings.maximum_retry_attempts
  bisect_batch_on_function_error     = var.settings.bisect_batch_on_function_error
  # Without it one failed record would make Lambda deliver the whole batch again.
  function_response_types = ["ReportBatchItemFailures"]

  # Alarms use the mapping's own counts: of polls, and of records that it gives up.
  metrics_config {
    metrics = ["EventCount"]
  }

  destination_config {
    on_failure {
      destination_arn = aws_s3_bucket.failures.arn
    }
  }

  # Otherwise: "The provided execution role does not have permissions to call" the stream or the bucket.
  depends_on = [module.function]

  lifecycle {
    # Closing markers reach every lane of a shard. Nothing documents which lane a record goes to while the factor changes.
    precondition {
      condition     = length(local.polls_with_other_lanes) == 0
      error_message = "${var.name}.parallelization_factor can't become ${var.settings.parallelization_factor} now: ${join(", ", [for poll, factor in local.polls_with_other_lanes : "poll ${poll} is counted with ${factor}"])}. Wait until each poll is final (votectl tally <poll> shows how far it is, and starts a tally that has failed), or cancel it (votectl poll cancel <poll>). Then apply again."
    }
  }
}
