variable "function_arn" {
  type        = string
  description = "ARN of the function that counts voters (functions/unique_counter)."
  nullable    = false
}

variable "function_name" {
  type        = string
  description = "Name of the same function."
  nullable    = false
}

variable "name" {
  type        = string
  description = "Name of the schedule group and of the schedules' role. Changing it replaces both, including the schedules of all polls in the group."
  nullable    = false

  validation {
    condition     = length(var.name) <= 64
    error_message = "\"${var.name}\" is too long for a role, which has at most 64 characters: shorten project or environment."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  description = "Permissions boundary of the role (../../bootstrap creates it). null sets no boundary. Changes in place."
  default     = null
}
