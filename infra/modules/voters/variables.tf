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
    error_message = "\"${var.name}\" contains aws, amazon or cognito, which Cognito refuses in a domain's name: rename project or environment, or remove voter_auth.callback_urls."
  }
}

variable "settings" {
  type = object({
    callback_urls = optional(list(string), [])
    email_sender = optional(object({
      from_address = string
      identity_arn = string
    }))
    logout_urls            = optional(list(string), [])
    sign_up_enabled        = optional(bool, false)
    token_validity_minutes = optional(number, 60)
    user_pool_tier         = optional(string, "LITE")
  })
  description = "The part of voter_auth in the tfvars that is about the pool. Changes in place."
  default     = {}
  nullable    = false

  validation {
    condition     = contains(["LITE", "ESSENTIALS", "PLUS"], var.settings.user_pool_tier)
    error_message = "voter_auth.user_pool_tier is \"${var.settings.user_pool_tier}\": it must be LITE, ESSENTIALS or PLUS. LITE has everything that the pool needs."
  }

  validation {
    condition     = var.settings.email_sender == null ? true : can(regex("^arn:[a-z-]+:ses:[a-z0-9-]+:[0-9]{12}:identity/", var.settings.email_sender.identity_arn))
    error_message = "voter_auth.email_sender.identity_arn is \"${try(var.settings.email_sender.identity_arn, "")}\": it must be the ARN of a verified SES identity, as in arn:aws:ses:us-east-1:111122223333:identity/example.org."
  }

  validation {
    condition     = var.settings.email_sender == null ? true : can(regex("^[^<>]*<[^@\\s<>]+@[^@\\s<>]+>$|^[^@\\s<>]+@[^@\\s<>]+$", var.settings.email_sender.from_address))
    error_message = "voter_auth.email_sender.from_address is \"${try(var.settings.email_sender.from_address, "")}\": it must be an address, as in votes@example.org or Votes <votes@example.org>."
  }

  validation {
    condition     = length(var.settings.logout_urls) == 0 || length(var.settings.callback_urls) > 0
    error_message = "voter_auth.logout_urls needs voter_auth.callback_urls: there is no page to sign out from without Cognito's own pages."
  }

  validation {
    condition     = alltrue([for url in concat(var.settings.callback_urls, var.settings.logout_urls) : can(regex("^(https://|http://localhost[:/])", url))])
    error_message = "voter_auth.callback_urls and logout_urls have ${jsonencode(concat(var.settings.callback_urls, var.settings.logout_urls))}: each must begin with https://, or with http://localhost for tests. Cognito refuses anything else."
  }

  validation {
    condition     = var.settings.token_validity_minutes >= 5 && var.settings.token_validity_minutes <= 1440 && floor(var.settings.token_validity_minutes) == var.settings.token_validity_minutes
    error_message = "voter_auth.token_validity_minutes is ${var.settings.token_validity_minutes}: it must be a whole number from 5 to 1440, Cognito's range for ID and access tokens."
  }
}

variable "token_scopes" {
  type        = list(string)
  description = "Scopes that the front door requires in access tokens; the browser's client may request them. Changes in place."
  default     = []
  nullable    = false
}
