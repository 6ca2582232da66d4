variable "deletion_protection_enabled" {
  type        = bool
  description = "Make the key policy refuse to delete the key. Changes in place."
  nullable    = false
}

variable "description" {
  type        = string
  description = "What the key is for. Changes in place."
  nullable    = false
}

variable "log_group_names" {
  type        = list(string)
  description = "Log groups that CloudWatch Logs may encrypt with the key; * stands for any characters. If there are any, CloudWatch may encrypt alarms with it, too. Changes in place."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.log_group_names : startswith(name, "/")])
    error_message = "log_group_names must hold full names that begin with /, such as /aws/lambda/votestream-dev-*."
  }
}

variable "name" {
  type        = string
  description = "Name of the key's alias. Changing it replaces the alias, not the key."
  nullable    = false
}

variable "signing_spec" {
  type        = string
  description = "RSA_2048 or RSA_3072 for a key pair that signs; null for a key that encrypts. Changing it replaces the key: its signatures can no longer be verified, and its ciphertexts can no longer be decrypted."
  default     = null

  validation {
    condition     = var.signing_spec == null || contains(["RSA_2048", "RSA_3072"], coalesce(var.signing_spec, "-"))
    error_message = "signing_spec must be RSA_2048 or RSA_3072, the key pairs that our verifiers know, or null."
  }
}
