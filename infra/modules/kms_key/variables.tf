variable "deletion_protection_enabled" {
  type        = bool
  description = "Whether the key policy forbids to schedule the deletion of the key. Changes in place."
  nullable    = false
}

variable "log_group_names" {
  type        = list(string)
  description = "Log groups that CloudWatch Logs may encrypt with the key; * stands for any characters. Changes in place."
  nullable    = false

  validation {
    condition     = length(var.log_group_names) > 0 && alltrue([for name in var.log_group_names : startswith(name, "/")])
    error_message = "log_group_names must hold full names that begin with /, such as /aws/lambda/votestream-dev-*."
  }
}

variable "name" {
  type        = string
  description = "Name of the key's alias. Changing it replaces the alias, not the key."
  nullable    = false
}
