variable "deletion_protection_enabled" {
  type        = bool
  description = "Refuse to delete the table. Changes in place: switch it off in one apply before a destroy."
  default     = true
  nullable    = false
}

variable "kms_key" {
  type        = object({ arn = string })
  description = "Key for the table; null means DynamoDB's own. Roles that use the table need kms:Decrypt for it. Changes in place, in the background."
  default     = null
}

variable "name_prefix" {
  type        = string
  description = "The table is called `<name_prefix>-<table>`. Changing it replaces the table and loses its items."
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{1,247}$", var.name_prefix))
    error_message = "name_prefix \"${var.name_prefix}\" must be 1 to 247 letters, digits, '_', '.' or '-', because DynamoDB's table names have at most 255: shorten project or environment."
  }
}

variable "settings" {
  type = object({
    autoscaling = optional(object({
      max_read_units  = number
      max_write_units = number
      target_percent  = optional(number, 70)
    }))
    billing_mode           = optional(string, "PAY_PER_REQUEST")
    max_read_units         = optional(number)
    max_write_units        = optional(number)
    point_in_time_recovery = optional(bool, true)
    read_units             = optional(number)
    write_units            = optional(number)
  })
  description = "Capacity and backup; README.md explains each attribute. All of it changes in place."
  default     = {}
  nullable    = false

  validation {
    condition     = contains(["PAY_PER_REQUEST", "PROVISIONED"], var.settings.billing_mode)
    error_message = "${var.table}_table.billing_mode is \"${var.settings.billing_mode}\": it must be \"PROVISIONED\" or \"PAY_PER_REQUEST\", the two that DynamoDB has."
  }

  validation {
    condition     = var.settings.billing_mode != "PROVISIONED" || (var.settings.read_units != null && var.settings.write_units != null)
    error_message = "${var.table}_table.read_units or write_units is missing: a PROVISIONED table needs both, 1 or more each. Set them, or set billing_mode to \"PAY_PER_REQUEST\"."
  }

  validation {
    condition     = var.settings.billing_mode != "PAY_PER_REQUEST" || (var.settings.read_units == null && var.settings.write_units == null)
    error_message = "${var.table}_table.read_units or write_units is set, but billing_mode is \"PAY_PER_REQUEST\", which has no units: use max_read_units and max_write_units for a ceiling, or set billing_mode to \"PROVISIONED\"."
  }

  validation {
    condition     = alltrue([for units in [var.settings.read_units, var.settings.write_units] : units == null ? true : units >= 1 && floor(units) == units])
    error_message = "${var.table}_table.read_units and write_units must be whole numbers from 1 up: a PROVISIONED table needs at least 1 of each, and AWS allows 40,000 until it raises that quota."
  }

  validation {
    condition     = var.settings.billing_mode != "PROVISIONED" || (var.settings.max_read_units == null && var.settings.max_write_units == null)
    error_message = "${var.table}_table.max_read_units or max_write_units is set, but billing_mode is \"PROVISIONED\", and ceilings exist only for \"PAY_PER_REQUEST\": remove them (autoscaling.max_*_units bounds a PROVISIONED table), or change billing_mode."
  }

  validation {
    condition     = alltrue([for units in [var.settings.max_read_units, var.settings.max_write_units] : units == null ? true : units == -1 || (units >= 1 && floor(units) == units)])
    error_message = "${var.table}_table.max_read_units and max_write_units must be whole numbers from 1 up, or -1 to lift a ceiling that was set before: DynamoDB knows no ceiling of 0."
  }

  validation {
    condition     = var.settings.autoscaling == null || var.settings.billing_mode == "PROVISIONED"
    error_message = "${var.table}_table.autoscaling is set, but it moves provisioned units, and billing_mode is \"PAY_PER_REQUEST\", which scales by itself: remove autoscaling, or set billing_mode to \"PROVISIONED\"."
  }

  validation {
    condition     = try(var.settings.autoscaling.max_read_units >= var.settings.read_units && var.settings.autoscaling.max_write_units >= var.settings.write_units, true)
    error_message = "${var.table}_table.autoscaling.max_read_units and max_write_units must not be below read_units and write_units, the floor they start from: raise the maximum or lower the floor."
  }

  validation {
    condition     = try(var.settings.autoscaling.target_percent >= 20 && var.settings.autoscaling.target_percent <= 90, var.settings.autoscaling == null)
    error_message = "${var.table}_table.autoscaling.target_percent must be from 20 to 90, the range that Application Auto Scaling takes for DynamoDB."
  }
}

variable "table" {
  type        = string
  description = "The table's role: polls, votes or tallies. It decides the keys and the TTL attribute. Changing it replaces the table and loses its items."
  nullable    = false

  validation {
    condition     = contains(["polls", "tallies", "votes"], var.table)
    error_message = "table is \"${var.table}\": it must be polls, votes or tallies, the tables whose keys the functions know."
  }
}
