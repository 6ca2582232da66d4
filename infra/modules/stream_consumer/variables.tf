variable "deletion_protection_enabled" {
  type        = bool
  description = "Refuse to delete the failure bucket while it holds batches. Changes in place."
  default     = true
  nullable    = false
}

variable "deployment" {
  type = object({
    architecture             = string
    artifact_directory       = string
    kms_key                  = optional(object({ arn = string }))
    log_retention_days       = number
    name_prefix              = string
    permissions_boundary_arn = optional(string)
  })
  description = <<-EOT
    What the functions of a deployment share, as in modules/function. A new name_prefix also replaces the failure bucket.
    kms_key: also the key of the stream and of the failure bucket; null means the services' own keys. Existing objects keep their key.
  EOT
  nullable    = false

  validation {
    condition     = length("${var.deployment.name_prefix}-${var.name}-failures-") + 12 <= 63 && can(regex("^[a-z0-9][a-z0-9-]*$", var.deployment.name_prefix))
    error_message = "\"${var.deployment.name_prefix}-${var.name}-failures-<account id>\" is not a legal bucket name: S3 allows 63 lower-case letters, digits and hyphens. Shorten project or environment."
  }
}

variable "environment_variables" {
  type        = map(string)
  description = "Environment of the function. Its code does not start without a variable that it needs, and ignores unknown ones."
  nullable    = false
}

variable "failure_retention_days" {
  type        = number
  description = "How long the failure bucket keeps a batch that was given up, in days; 0 means for ever. The batches hold votes, so do not keep them longer than you need. Changes in place; lowering it deletes older batches within a day or two."
  nullable    = false
}

variable "handler" {
  type        = string
  description = "Python path of the handler inside the artifact."
  nullable    = false
}

variable "held_lanes" {
  type        = map(number)
  description = "Polls that are being counted, and the parallelization factor of each. Terraform refuses another factor until they are final."
  default     = {}
  nullable    = false
}

variable "key_uses" {
  type        = map(list(string))
  description = "Uses of kms_key for the function, besides reading the stream and reporting failures, as in modules/function."
  default     = {}
  nullable    = false
}

variable "name" {
  type        = string
  description = "Name of the consumer as in the tfvars, such as vote_writer. Artifact and messages use it, and every resource with hyphens. Changing it replaces them all, the failure bucket included."
  nullable    = false
}

variable "order_required" {
  type        = bool
  description = "Whether the consumer's result depends on the order of records within a shard. Such a consumer may not process a shard in parallel or skip a batch."
  default     = false
  nullable    = false
}

variable "permissions" {
  type = map(object({
    actions   = list(string)
    resources = list(string)
  }))
  description = "Permissions of the function besides reading the stream, logging and reporting failures: one statement per purpose, by its Sid, as in modules/function."
  nullable    = false
}

variable "settings" {
  type = object({
    batch_size                     = number
    batching_window_seconds        = number
    bisect_batch_on_function_error = bool
    enhanced_fan_out               = bool
    maximum_record_age_seconds     = number
    maximum_retry_attempts         = number
    memory_mb                      = number
    parallelization_factor         = number
    reserved_concurrency           = optional(number)
    timeout_seconds                = number
  })
  description = "How the consumer reads the stream, and the size and limits of its function; README.md explains each attribute. All of it changes in place except enhanced_fan_out, which replaces the mapping."
  nullable    = false

  validation {
    condition     = var.settings.batch_size >= 1 && var.settings.batch_size <= 10000 && floor(var.settings.batch_size) == var.settings.batch_size
    error_message = "${var.name}.batch_size is ${var.settings.batch_size}: it must be a whole number from 1 to 10000, the most that Lambda reads from Kinesis at once."
  }

  validation {
    condition     = var.settings.batching_window_seconds >= 0 && var.settings.batching_window_seconds <= 300 && floor(var.settings.batching_window_seconds) == var.settings.batching_window_seconds
    error_message = "${var.name}.batching_window_seconds is ${var.settings.batching_window_seconds}: it must be a whole number of seconds from 0 to 300, Lambda's range."
  }

  validation {
    condition     = var.settings.batching_window_seconds >= 1 || var.settings.batch_size <= 10
    error_message = "${var.name}.batching_window_seconds is 0, but batch_size is ${var.settings.batch_size}: Lambda's API asks for a window of at least 1 second when a batch may hold more than 10 records. Set batching_window_seconds to 1 or more, or batch_size to 10 or less."
  }

  validation {
    condition     = var.settings.parallelization_factor >= 1 && var.settings.parallelization_factor <= 10 && floor(var.settings.parallelization_factor) == var.settings.parallelization_factor
    error_message = "${var.name}.parallelization_factor is ${var.settings.parallelization_factor}: it must be a whole number from 1 to 10, Lambda's range."
  }

  validation {
    condition     = !var.order_required || var.settings.parallelization_factor == 1
    error_message = "${var.name}.parallelization_factor is ${var.settings.parallelization_factor}: it must be 1, because live counts depend on the order within a shard. Two batches of one shard at once would drop each other's votes as already counted. Add shards (stream.shard_count) for more speed."
  }

  validation {
    condition     = var.settings.maximum_record_age_seconds == -1 || (var.settings.maximum_record_age_seconds >= 60 && var.settings.maximum_record_age_seconds <= 604800 && floor(var.settings.maximum_record_age_seconds) == var.settings.maximum_record_age_seconds)
    error_message = "${var.name}.maximum_record_age_seconds is ${var.settings.maximum_record_age_seconds}: it must be -1 (no limit of its own) or a whole number from 60 to 604800 (7 days), Lambda's range."
  }

  validation {
    condition     = var.settings.maximum_record_age_seconds <= var.stream_retention_hours * 3600
    error_message = "${var.name}.maximum_record_age_seconds is ${var.settings.maximum_record_age_seconds}, but the stream deletes a record after ${var.stream_retention_hours * 3600} seconds (stream.retention_hours = ${var.stream_retention_hours}): a longer age never applies, and records that the stream deletes reach no failure bucket. Lower it, or raise stream.retention_hours."
  }

  validation {
    condition     = var.settings.maximum_retry_attempts >= -1 && var.settings.maximum_retry_attempts <= 10000 && floor(var.settings.maximum_retry_attempts) == var.settings.maximum_retry_attempts
    error_message = "${var.name}.maximum_retry_attempts is ${var.settings.maximum_retry_attempts}: it must be -1 (no limit) or a whole number from 0 to 10000, Lambda's range."
  }

  validation {
    condition     = !var.order_required || (var.settings.maximum_record_age_seconds == -1 && var.settings.maximum_retry_attempts == -1)
    error_message = "${var.name}.maximum_record_age_seconds and maximum_retry_attempts must both be -1: its counts depend on order, so a skipped batch cannot be counted later. It must retry until the stream's retention ends; remove both settings."
  }

  validation {
    condition     = var.settings.timeout_seconds >= 15 && var.settings.timeout_seconds <= 900 && floor(var.settings.timeout_seconds) == var.settings.timeout_seconds
    error_message = "${var.name}.timeout_seconds is ${var.settings.timeout_seconds}: it must be a whole number from 15 to 900. Lambda takes no more, and a consumer starts no call to DynamoDB when less than 9 seconds are left, so it would hardly start any with less than 15."
  }
}

variable "stream_arn" {
  type        = string
  description = "ARN of the stream to read. Changing it replaces the mapping."
  nullable    = false
}

variable "stream_retention_hours" {
  type        = number
  description = "How long that stream keeps a record, in hours. No record age can be longer."
  nullable    = false
}
