variable "deletion_protection_enabled" {
  type        = bool
  description = "Refuse to delete the pool, and with it every voter's identity. Changes in place."
  nullable    = false
}

variable "name" {
  type        = string
  description = "Name of the pool, and prefix of its client and domain. Changes in place; the domain is replaced."
  nullable    = false

  validation {
    condition     = length(var.settings.callback_urls) == 0 || !can(regex("aws|amazon|cognito", var.name))
    error_message = "\"${var.name}\" contains aws, amazon or cognito, which Cognito refuses in the name of a domain: rename project or environment, or leave voter_auth.callback_urls out."
  }
}

variable "settings" {
  type = object({
    callback_urls          = optional(list(string), [])
    sign_up_enabled        = optional(bool, false)
    token_validity_minutes = optional(number, 60)
  })
  description = "voter_auth as in the tfvars, as far as it is about the pool. Changes in place."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for url in var.settings.callback_urls : can(regex("^(https://|http://localhost[:/])", url))])
    error_message = "voter_auth.callback_urls has ${jsonencode(var.settings.callback_urls)}: each must begin with https://, or with http://localhost for trying things out. Anything else would send codes in the clear, and Cognito refuses it."
  }

  validation {
    condition     = var.settings.token_validity_minutes >= 5 && var.settings.token_validity_minutes <= 1440 && floor(var.settings.token_validity_minutes) == var.settings.token_validity_minutes
    error_message = "voter_auth.token_validity_minutes is ${var.settings.token_validity_minutes}: it must be a whole number from 5 to 1440, what Cognito offers for ID and access tokens."
  }
}

variable "token_scopes" {
  type        = list(string)
  description = "Scopes that the front door asks access tokens for; the browser's client may have them. Changes in place."
  default     = []
  nullable    = false
}
