variable "encryption_enabled" {
  type        = bool
  description = "Encrypt records at rest. Without kms_key the key is Kinesis' own (alias/aws/kinesis: no monthly fee, data-key requests are billed). Changes in place."
  default     = true
  nullable    = false
}

variable "kms_key" {
  type        = object({ arn = string })
  description = "Key for the records; null means Kinesis' own. Producers need kms:GenerateDataKey for it, and consumers kms:Decrypt. Changes in place."
  default     = null
}

variable "mode" {
  type        = string
  description = "PROVISIONED: shard_count shards, paid by the hour. ON_DEMAND: AWS sizes the stream. Changes in place, at most twice in 24 hours."
  default     = "PROVISIONED"
  nullable    = false

  validation {
    condition     = contains(["ON_DEMAND", "PROVISIONED"], var.mode)
    error_message = "stream.mode is \"${var.mode}\": it must be \"PROVISIONED\" or \"ON_DEMAND\", the two modes that Kinesis has."
  }
}

variable "name" {
  type        = string
  description = "Name of the stream. Changing it replaces the stream and deletes every vote that is not consumed yet."
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{1,128}$", var.name))
    error_message = "The stream name \"${var.name}\" must be 1 to 128 letters, digits, '_', '.' or '-' (Kinesis' rule): shorten project or environment."
  }
}

variable "retention_hours" {
  type        = number
  description = "How long the stream keeps a record, in hours. 24 is included in the shard price; more costs extra. Changes in place; lowering it deletes older records immediately."
  default     = 24
  nullable    = false

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760 && floor(var.retention_hours) == var.retention_hours
    error_message = "stream.retention_hours is ${var.retention_hours}: it must be a whole number from 24 to 8760 (one year), the range that Kinesis keeps records for."
  }
}

variable "shard_count" {
  type        = number
  description = "Number of shards: each takes 1,000 records/s and 1 MiB/s. Required when mode is PROVISIONED, null when it is ON_DEMAND. Changes in place while votes flow; Kinesis allows one step to between half and double the open shards, and ten steps in 24 hours."
  default     = null

  validation {
    condition     = var.mode != "PROVISIONED" || var.shard_count != null
    error_message = "stream.shard_count is missing: a PROVISIONED stream needs 1 to 10000 shards of 1,000 records/s each. Set it, or set stream.mode to \"ON_DEMAND\"."
  }

  validation {
    condition     = var.mode != "ON_DEMAND" || var.shard_count == null
    error_message = "stream.shard_count is set, but stream.mode is \"ON_DEMAND\", where AWS chooses the shards: remove shard_count, or set stream.mode to \"PROVISIONED\"."
  }

  validation {
    condition     = var.shard_count == null ? true : var.shard_count >= 1 && var.shard_count <= 10000 && floor(var.shard_count) == var.shard_count
    error_message = "stream.shard_count must be a whole number from 1 to 10000: UpdateShardCount, which resizes the stream, allows no more."
  }
}

variable "shard_level_metrics" {
  type        = set(string)
  description = "CloudWatch metrics per shard, charged as custom metrics: they show a hot shard, which the stream's own metrics average away. Changes in place."
  default     = []
  nullable    = false

  validation {
    condition = length(setsubtract(var.shard_level_metrics, [
      "IncomingBytes", "IncomingRecords", "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords",
      "ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded",
    ])) == 0
    error_message = "stream.shard_level_metrics holds a name that Kinesis does not have. Allowed are IncomingBytes, IncomingRecords, IteratorAgeMilliseconds, OutgoingBytes, OutgoingRecords, ReadProvisionedThroughputExceeded and WriteProvisionedThroughputExceeded (name them all instead of \"ALL\")."
  }
}
