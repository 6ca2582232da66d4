variable "deletion_protection_enabled" {
  type        = bool
  description = "Refuse to delete a bucket that is not empty. Changes in place."
  default     = true
  nullable    = false
}

variable "name" {
  type        = string
  description = "Prefix of the bucket's name. Changing it replaces the bucket."
  nullable    = false

  validation {
    condition     = length("${var.name}-results-packs-") + 12 <= 63
    error_message = "\"${var.name}-results-packs-<account>\" is too long for a bucket, which has at most 63 characters: shorten project or environment."
  }
}

variable "publication" {
  type = object({
    object_lock = object({
      days = number
      mode = string
    })
    public              = bool
    work_retention_days = number
  })
  description = <<-EOT
    The bucket that packs are published in; null creates no bucket.
    object_lock: how long files of packs are locked, and GOVERNANCE or COMPLIANCE; null locks nothing. Going from null to a lock, or back, replaces the bucket.
    public: whether anyone may read packs.
    work_retention_days: how long files of an unfinished publication stay; 0 keeps them for ever, without a lifecycle rule.
  EOT
  default     = null
}
