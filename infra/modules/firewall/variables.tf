variable "allowed_origins" {
  type        = list(string)
  description = "Origins whose pages may read the firewall's answers, as the API's. Changes in place."
  default     = []
  nullable    = false
}

variable "edge_secret" {
  type        = object({ value = string })
  description = "Value of the header X-Votestream-Edge, which CloudFront adds to votes that its own firewall has counted; null if no votes come through CloudFront. Changes in place."
  default     = null
  sensitive   = true
}

variable "name" {
  type        = string
  description = "Name of the web ACL and prefix of its metrics. Changing it replaces the web ACL."
  nullable    = false
}

variable "scope" {
  type        = string
  description = "Scope of the firewall: REGIONAL (the API's stage) or CLOUDFRONT, which AWS supports in us-east-1 only. Changing it replaces the web ACL."
  default     = "REGIONAL"
  nullable    = false

  validation {
    condition     = contains(["CLOUDFRONT", "REGIONAL"], var.scope)
    error_message = "scope is \"${var.scope}\": it must be CLOUDFRONT or REGIONAL."
  }
}

variable "settings" {
  type = object({
    forwarded_ip_header = optional(string)
    max_body_bytes      = optional(number, 4096)
    requests_per_client = number
    window_seconds      = optional(number, 300)
  })
  description = "The variable firewall of the tfvars. Changes in place."
  nullable    = false

  validation {
    condition     = contains([60, 120, 300, 600], var.settings.window_seconds)
    error_message = "firewall.window_seconds is ${var.settings.window_seconds}: WAF counts over 60, 120, 300 or 600 seconds."
  }

  validation {
    condition     = var.settings.requests_per_client >= 10 && var.settings.requests_per_client <= 2000000000 && floor(var.settings.requests_per_client) == var.settings.requests_per_client
    error_message = "firewall.requests_per_client is ${var.settings.requests_per_client}: it must be a whole number from 10, WAF's minimum, to 2,000,000,000."
  }

  validation {
    condition     = var.settings.max_body_bytes >= 512 && var.settings.max_body_bytes <= 16384 && floor(var.settings.max_body_bytes) == var.settings.max_body_bytes
    error_message = "firewall.max_body_bytes is ${var.settings.max_body_bytes}: it must be a whole number from 512 (a vote with the longest option and voter has 230 bytes) to 16384, the part of a body that WAF inspects."
  }

  validation {
    condition     = var.settings.forwarded_ip_header == null ? true : can(regex("^[A-Za-z0-9-]{1,255}$", var.settings.forwarded_ip_header))
    error_message = "firewall.forwarded_ip_header is \"${coalesce(var.settings.forwarded_ip_header, " ")}\": it must be the name of a header, as in X-Forwarded-For."
  }
}

variable "stage_arn" {
  type        = string
  description = "ARN of the API's stage that the firewall stands in front of; null with scope CLOUDFRONT. Changing it replaces the association."
  default     = null
}
