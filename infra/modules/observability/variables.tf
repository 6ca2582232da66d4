variable "api" {
  type = object({
    name                  = string
    stage_name            = string
    throttling_rate_limit = number
    votes_path            = string
    results_path          = string
  })
  description = <<-EOT
    The front door.
    name, stage_name: its name and stage in CloudWatch.
    throttling_rate_limit: requests per second that it accepts.
    votes_path, results_path: resources that take votes (POST) and show results (GET).
  EOT
  nullable    = false
}

variable "consumers" {
  type = map(object({
    batching_window_seconds    = number
    event_source_mapping_id    = string
    failure_bucket_name        = string
    maximum_record_age_seconds = number
  }))
  description = <<-EOT
    Consumers of the stream, by their name in the tfvars; each has a function of the same name in var.functions.
    event_source_mapping_id: UUID of the mapping, which has to publish its event counts.
    failure_bucket_name: bucket for batches that Lambda gave up.
    maximum_record_age_seconds: age at which Lambda gives up a batch; -1 means the stream's retention.
  EOT
  nullable    = false

  validation {
    condition     = toset(keys(var.consumers)) == toset(["vote_aggregator", "vote_writer"])
    error_message = "consumers must be vote_writer and vote_aggregator: an alarm watches the sums of each."
  }
}

variable "door" {
  type = object({
    function_name = string
    metrics = object({
      namespace     = string
      dimensions    = map(string)
      count         = string
      client_errors = string
      server_errors = string
      latency       = string
    })
    reserved_concurrency = optional(number)
    timeout_seconds      = number
  })
  description = <<-EOT
    The door that clients are sent to, if it is not the REST API; null if it is.
    function_name, timeout_seconds: of the function behind it.
    metrics: how CloudWatch counts its requests (modules/door).
    reserved_concurrency: invocations that a function URL lets in at once; null at a door with a rate limit.
  EOT
  default     = null
}

variable "environment" {
  type        = string
  description = "Value of the dimension `environment` in the functions' own metrics."
  nullable    = false
}

variable "functions" {
  type = map(object({
    function_name   = string
    memory_mb       = number
    timeout_seconds = number
  }))
  description = "Every function by its service name, which is the dimension `service` of its own metrics."
  nullable    = false

  validation {
    condition     = toset(keys(var.functions)) == toset(concat(["results_api", "tally", "vote_aggregator", "vote_writer"], [for settings in var.unique_count[*] : "unique_counter"]))
    error_message = "functions must be results_api, tally, vote_aggregator and vote_writer, and unique_counter with unique_count: all functions that emit metrics."
  }
}

variable "kms_key" {
  type        = object({ arn = string })
  description = "Key for the topic of alarms; null leaves it unencrypted. Its policy must let CloudWatch use it, or alarms reach nobody. Changes in place."
  default     = null

  validation {
    condition     = var.kms_key == null ? true : !strcontains(coalesce(var.kms_key.arn, "-"), "alias/aws/")
    error_message = "kms_key must not be an AWS managed key: CloudWatch may not use it, and alarms would reach nobody. Name a customer managed key, or none."
  }
}

variable "name_prefix" {
  type        = string
  description = "Prefix of every physical name. Changing it replaces topic, dashboard and alarms; only the alarms' history is lost."
  nullable    = false
}

variable "settings" {
  type = object({
    alarms_enabled      = bool
    concurrency_percent = number
    emails              = set(string)
    front_door_percent  = number
    live_lag_seconds    = number
    refused_percent     = number
    rejected_percent    = number
    risk_percent        = number
    runbook_url         = string
    storing_lag_seconds = number
    tally_minutes       = number
    throttled_percent   = number
    topic_arn           = optional(string)
    unavailable_percent = number
  })
  description = "Who gets the alarms, and their thresholds; README.md explains each attribute. All of it changes in place."
  nullable    = false

  validation {
    condition = alltrue([
      for percent in [
        var.settings.concurrency_percent, var.settings.front_door_percent, var.settings.refused_percent,
        var.settings.rejected_percent, var.settings.risk_percent, var.settings.throttled_percent,
        var.settings.unavailable_percent,
      ] : percent > 0 && percent < 100
    ])
    error_message = "observability.*_percent must each be above 0 and below 100: at 0 an alarm never ends, and at 100 it never begins."
  }

  validation {
    condition     = var.settings.live_lag_seconds >= var.consumers["vote_aggregator"].batching_window_seconds + 10 && var.settings.live_lag_seconds <= 3600
    error_message = "observability.live_lag_seconds is ${var.settings.live_lag_seconds}: it must be from ${var.consumers["vote_aggregator"].batching_window_seconds + 10} to 3600, because a vote waits up to vote_aggregator.batching_window_seconds = ${var.consumers["vote_aggregator"].batching_window_seconds} on purpose, and a few seconds for the batch itself."
  }

  validation {
    condition     = var.settings.storing_lag_seconds >= var.consumers["vote_writer"].batching_window_seconds + 10 && var.settings.storing_lag_seconds <= 86400
    error_message = "observability.storing_lag_seconds is ${var.settings.storing_lag_seconds}: it must be from ${var.consumers["vote_writer"].batching_window_seconds + 10} (vote_writer.batching_window_seconds and a few seconds for the batch itself) to 86400."
  }

  validation {
    condition     = var.settings.tally_minutes >= 5 && var.settings.tally_minutes <= 120 && floor(var.settings.tally_minutes) == var.settings.tally_minutes
    error_message = "observability.tally_minutes is ${var.settings.tally_minutes}: it must be a whole number from 5 to 120. A tally looks at its drain at least once a minute."
  }

  validation {
    condition     = var.settings.topic_arn == null || length(var.settings.emails) == 0
    error_message = "observability.emails and topic_arn are both set: the topic's owner subscribes to it. Leave one of them out."
  }

  validation {
    condition     = alltrue([for email in var.settings.emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "observability.emails holds an invalid e-mail address."
  }
}

variable "state_machine_arn" {
  type        = string
  description = "ARN of the state machine that makes results final."
  nullable    = false
}

variable "schedule_group_name" {
  type        = string
  description = "Group of the schedules that start it when a poll closes."
  nullable    = false
}

variable "stream" {
  type = object({
    name            = string
    retention_hours = number
    shard_count     = optional(number)
  })
  description = "The stream: its name, its retention, and its number of shards (null if Kinesis chooses them)."
  nullable    = false
}

variable "tables" {
  type = map(object({
    name            = string
    billing_mode    = string
    max_write_units = optional(number)
  }))
  description = "The tables by content (polls, tallies, votes), with their billing mode and, on demand, their ceiling."
  nullable    = false
}

variable "unique_count" {
  type = object({
    refresh_seconds     = number
    schedule_group_name = string
  })
  description = <<-EOT
    The count of voters while a poll is open; null if voters are not counted.
    refresh_seconds: how old its number may become.
    schedule_group_name: group of the schedules that start it.
  EOT
  default     = null
}
