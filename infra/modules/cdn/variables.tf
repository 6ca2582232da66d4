variable "api_domain_name" {
  type        = string
  description = "Host name of the API. Changes in place."
  nullable    = false
}

variable "api_stage" {
  type        = string
  description = "Stage of the API, the first segment of its paths. Changes in place."
  nullable    = false
}

variable "domain" {
  type = object({
    certificate_arn = string
    names           = list(string)
    zone_id         = optional(string)
  })
  description = "Your own host names, their certificate, and the Route 53 zone that gets their records (null means that you add them). Changes in place."
  default     = null

  validation {
    condition     = var.domain == null ? true : length(var.domain.names) >= 1 && length(var.domain.names) <= 100 && alltrue([for name in var.domain.names : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", name)) && length(name) <= 253])
    error_message = "results_api.cdn_domain.names is ${jsonencode(try(var.domain.names, []))}: it must be 1 to 100 host names in lower case, as in vote.example.org."
  }

  validation {
    condition     = var.domain == null ? true : can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/", var.domain.certificate_arn))
    error_message = "results_api.cdn_domain.certificate_arn is \"${try(var.domain.certificate_arn, "")}\": it must be the ARN of an ACM certificate in us-east-1, where CloudFront looks for it, as in arn:aws:acm:us-east-1:111122223333:certificate/<id>."
  }

  validation {
    condition     = try(var.domain.zone_id, null) == null ? true : can(regex("^Z[A-Z0-9]{1,31}$", var.domain.zone_id))
    error_message = "results_api.cdn_domain.zone_id is \"${try(coalesce(var.domain.zone_id, "-"), "-")}\": it must be the id of a hosted zone, as in Z0123456789ABC, without /hostedzone/."
  }
}

variable "edge_secret" {
  type        = object({ value = string })
  description = "Value of the header X-Votestream-Edge, by which the API's firewall recognises votes from CloudFront; null without a firewall. Changes in place."
  default     = null
  sensitive   = true
}

variable "name" {
  type        = string
  description = "Prefix of every physical name. Changing it replaces policies and function."
  nullable    = false

  validation {
    condition     = length("${var.name}-viewer-request") <= 64
    error_message = "\"${var.name}-viewer-request\" is too long for a CloudFront function, which has at most 64 characters: shorten project or environment."
  }
}

variable "origin_shield_region" {
  type        = string
  description = "Region of the cache that asks the API for all others; the API's own, or the nearest that has Origin Shield. Changes in place."
  nullable    = false
}

variable "pages" {
  type = object({
    bucket_domain_name = string
    security_policy    = string
  })
  description = "The pages' bucket and their Content-Security-Policy; null serves results only. Changes in place."
  default     = null
}

variable "votes_origin" {
  type = object({
    domain_name = string
    path        = string
  })
  description = "Where votes from the pages go; null lets no votes and receipts through. Changes in place."
  default     = null
}

variable "web_acl_arn" {
  type        = string
  description = "Firewall of scope CLOUDFRONT; null means none. Changes in place."
  default     = null
}
