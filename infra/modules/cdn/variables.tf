variable "name" {
  type        = string
  description = "Prefix of every physical name. Changing it replaces cache policy and function."
  nullable    = false

  validation {
    condition     = length("${var.name}-viewer-request") <= 64
    error_message = "\"${var.name}-viewer-request\" is too long for a CloudFront function, which has at most 64 characters: shorten project or environment."
  }
}

variable "origin_domain_name" {
  type        = string
  description = "Host name of the API. Changes in place."
  nullable    = false
}

variable "origin_shield_region" {
  type        = string
  description = "Region of the cache that asks the API for all others; the API's own, or the nearest that has Origin Shield. Changes in place."
  nullable    = false
}

variable "origin_stage" {
  type        = string
  description = "Stage of the API, the first segment of its paths. Changes in place."
  nullable    = false
}
