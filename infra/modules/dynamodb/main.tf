locals {
  # The functions depend on these keys. A change of one is a migration of the data, not a setting.
  schema = {
    polls   = { hash_key = "poll_id", range_key = null, ttl_attribute = null }
    votes   = { hash_key = "poll_bucket", range_key = "voter", ttl_attribute = "expires_at" }
    tallies = { hash_key = "poll_id", range_key = "entry", ttl_attribute = null }
  }[var.table]

  name       = "${var.name_prefix}-${var.table}"
  autoscaled = var.settings.autoscaling != null

  # Autoscaling changes the units outside Terraform, and ignore_changes cannot depend on a variable.
  # So an autoscaled table is planned with its current units, within the bounds of the settings:
  # an apply during a show keeps the units that autoscaling has added.
  read_units = local.autoscaled ? min(
    max(var.settings.read_units, values(data.aws_dynamodb_table.scaled)[*].read_capacity...),
    var.settings.autoscaling.max_read_units,
  ) : var.settings.read_units
  write_units = local.autoscaled ? min(
    max(var.settings.write_units, values(data.aws_dynamodb_table.scaled)[*].write_capacity...),
    var.settings.autoscaling.max_write_units,
  ) : var.settings.write_units
}

# The units come from an existing table. Before the first apply, the table does not exist.
data "aws_dynamodb_tables" "existing" {}

data "aws_dynamodb_table" "scaled" {
  # names is null, not empty, where there is no table at all.
  for_each = toset([for name in coalesce(data.aws_dynamodb_tables.existing.names, []) : name if local.autoscaled && name == local.name])

  name = each.value
}

# DynamoDB always encrypts at rest, with a key of its own and without charge. kms_key replaces that key.
resource "aws_dynamodb_table" "this" {
  name                        = local.name
  billing_mode                = var.settings.billing_mode
  hash_key                    = local.schema.hash_key
  range_key                   = local.schema.range_key
  read_capacity               = local.read_units
  write_capacity              = local.write_units
  deletion_protection_enabled = var.deletion_protection_enabled

  dynamic "attribute" {
    for_each = toset(compact([local.schema.hash_key, local.schema.range_key]))

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "on_demand_throughput" {
    for_each = var.settings.max_read_units == null && var.settings.max_write_units == null ? [] : [var.settings]

    content {
      # -1 means "no ceiling" in DynamoDB; without it, an earlier ceiling would stay.
      max_read_request_units  = coalesce(on_demand_throughput.value.max_read_units, -1)
      max_write_request_units = coalesce(on_demand_throughput.value.max_write_units, -1)
    }
  }

  point_in_time_recovery {
    enabled = var.settings.point_in_time_recovery
  }

  dynamic "server_side_encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value.arn
    }
  }

  dynamic "ttl" {
    for_each = compact([local.schema.ttl_attribute])

    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  # checkov:skip=CKV_AWS_28: on unless the tfvars decline it: point_in_time_recovery
  # checkov:skip=CKV2_AWS_16: on demand, or with units that the tfvars set for the event: autoscaling is there, but follows too late
}

locals {
  scaling = !local.autoscaled ? {} : {
    read = {
      dimension = "dynamodb:table:ReadCapacityUnits"
      metric    = "DynamoDBReadCapacityUtilization"
      minimum   = var.settings.read_units
      maximum   = var.settings.autoscaling.max_read_units
    }
    write = {
      dimension = "dynamodb:table:WriteCapacityUnits"
      metric    = "DynamoDBWriteCapacityUtilization"
      minimum   = var.settings.write_units
      maximum   = var.settings.autoscaling.max_write_units
    }
  }
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.scaling

  service_namespace  = "dynamodb"
  resource_id        = "table/${aws_dynamodb_table.this.name}"
  scalable_dimension = each.value.dimension
  min_capacity       = each.value.minimum
  max_capacity       = each.value.maximum
}

resource "aws_appautoscaling_policy" "this" {
  for_each = local.scaling

  name               = "${local.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = var.settings.autoscaling.target_percent

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}
