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
    What the functions of a deployment share.
    architecture: instruction set, arm64 or x86_64. The artifact must be built for it. Changes in place, together with the code.
    artifact_directory: directory that holds `<name>.zip` and `manifest.json`, as `make package` leaves them.
    kms_key: key for the log; null means CloudWatch's own. The key's policy must allow it. Changes in place: existing lines keep their encryption.
    log_retention_days: how long CloudWatch keeps the log, in days. Changes in place.
    name_prefix: prefix of every physical name. Changing it replaces every resource.
    permissions_boundary_arn: permissions boundary of the role (../../bootstrap creates it); null sets none. Changes in place.
  EOT
  nullable    = false

  validation {
    condition     = length("${var.deployment.name_prefix}-${var.name}") <= 64
    error_message = "\"${var.deployment.name_prefix}-${var.name}\" is too long for a function and a role, which have at most 64 characters: shorten project or environment."
  }
}

variable "description" {
  type        = string
  description = "What the function does, for people who see it in a list. Changes in place."
  nullable    = false
}

variable "environment_variables" {
  type        = map(string)
  description = "Complete environment of the function. Its code does not start without a variable that it needs."
  nullable    = false
}

variable "handler" {
  type        = string
  description = "Python path of the handler inside the artifact."
  nullable    = false
}

variable "key_uses" {
  type        = map(list(string))
  description = "Actions of KMS that the function needs on kms_key, by the service that uses the key: { dynamodb = [\"kms:Decrypt\"] }. Without kms_key it grants nothing."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for action in flatten(values(var.key_uses)) : startswith(action, "kms:") && !strcontains(action, "*")])
    error_message = "key_uses must name each action of KMS: a wildcard would grant actions that nobody has reviewed."
  }
}

variable "log_warnings_only" {
  type        = bool
  description = "Log JSON lines from level WARN up, without Lambda's lines for each invocation. For a function that emits no metrics. Changes in place."
  default     = false
  nullable    = false
}

variable "name" {
  type        = string
  description = "Name of the function as in the tfvars, such as vote_writer. Artifact and messages use it, and every resource with hyphens. Changing it replaces them all."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]*$", var.name))
    error_message = "name is \"${var.name}\": it must be lower-case letters, digits and underscores, because the artifact is <name>.zip."
  }
}

variable "permissions" {
  type = map(object({
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(list(string))))
  }))
  description = "Permissions of the function besides logging: one statement per purpose, by its Sid, with an optional IAM condition."
  nullable    = false

  validation {
    condition     = alltrue([for permission in values(var.permissions) : length(permission.actions) > 0 && length(permission.resources) > 0])
    error_message = "Each of permissions needs at least one action and one resource: IAM refuses an empty statement."
  }

  validation {
    condition     = alltrue([for action in flatten(values(var.permissions)[*].actions) : !strcontains(action, "*")])
    error_message = "permissions must name each action: a wildcard would grant actions that nobody has reviewed."
  }
}

variable "settings" {
  type = object({
    memory_mb            = number
    reserved_concurrency = optional(number)
    timeout_seconds      = number
  })
  description = "Size and limits of the function; README.md explains each attribute. All of it changes in place."
  nullable    = false

  validation {
    condition     = var.settings.memory_mb >= 128 && var.settings.memory_mb <= 10240 && floor(var.settings.memory_mb) == var.settings.memory_mb
    error_message = "${var.name}.memory_mb is ${var.settings.memory_mb}: it must be a whole number from 128 to 10240, Lambda's range."
  }

  validation {
    condition     = var.settings.timeout_seconds >= 1 && var.settings.timeout_seconds <= 900 && floor(var.settings.timeout_seconds) == var.settings.timeout_seconds
    error_message = "${var.name}.timeout_seconds is ${var.settings.timeout_seconds}: it must be a whole number from 1 to 900, Lambda's range."
  }

  validation {
    condition     = var.settings.reserved_concurrency == null ? true : var.settings.reserved_concurrency >= 1 && floor(var.settings.reserved_concurrency) == var.settings.reserved_concurrency
    error_message = "${var.name}.reserved_concurrency must be a whole number from 1 up, or left out for no limit: 0 would stop the function."
  }
}

variable "versions_published" {
  type        = bool
  description = "Publish a version at each change, so that an alias can point to it."
  default     = false
  nullable    = false
}
