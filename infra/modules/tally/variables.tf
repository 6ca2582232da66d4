variable "alarms_topic" {
  type = object({
    arn         = string
    kms_key     = optional(object({ arn = string }))
    runbook_url = string
  })
  description = "Topic of the alarms, the key that encrypts it, and where people read docs/runbook.md: a tally that must not certify names its poll there. null sends no message. Changes in place."
  default     = null
}

variable "count_concurrency" {
  type        = number
  description = "Parallel invocations that count a poll's votes, as fast as the votes table's read units allow. Each counts some of its buckets, one after the other. Changes in place."
  nullable    = false

  validation {
    condition     = var.count_concurrency >= 1 && var.count_concurrency <= 40 && floor(var.count_concurrency) == var.count_concurrency
    error_message = "tally.count_concurrency is ${var.count_concurrency}: it must be a whole number from 1 to 40, the most that an inline Map of Step Functions runs at once."
  }
}

variable "function_arn" {
  type        = string
  description = "ARN of the function that takes the steps (functions/tally)."
  nullable    = false
}

variable "name_prefix" {
  type        = string
  description = "Prefix of every physical name. Changing it replaces every resource, including the schedule group with the schedules of all polls."
  nullable    = false

  validation {
    condition     = length("${var.name_prefix}-tally-steps") <= 64
    error_message = "\"${var.name_prefix}-tally-steps\" is too long for a role, which has at most 64 characters: shorten project or environment."
  }
}

variable "pack" {
  type        = object({ function_arn = string })
  description = "The function that publishes results packs (functions/results_pack); null publishes none. Changes in place."
  default     = null
}

variable "permissions_boundary_arn" {
  type        = string
  description = "Permissions boundary of the roles (../../bootstrap creates it). null sets no boundary. Changes in place."
  default     = null
}

variable "tallies_table_name" {
  type        = string
  description = "Table of the tallies, in which the tally notes the polls that hold the lanes of vote_writer."
  nullable    = false
}
