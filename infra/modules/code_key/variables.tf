variable "deletion_protection_enabled" {
  type        = bool
  description = "Whether a destroy refuses to delete the key. Changes in place."
  default     = true
  nullable    = false
}

variable "name" {
  type        = string
  description = "Prefix of the key's alias. Changing it replaces the alias, not the key."
  nullable    = false
}
