variable "cdn_enabled" {
  type        = bool
  description = "Whether CloudFront reads the bucket. Changes in place."
  nullable    = false
}

variable "distribution_arn" {
  type        = string
  description = "ARN of the one distribution that may read the bucket; null without cdn_enabled. Changes in place."
}

variable "identity" {
  type = object({
    authority   = optional(string)
    client_id   = optional(string)
    logout_url  = optional(string)
    mode        = string
    scope       = optional(string)
    token       = optional(string)
    voter_claim = optional(string)
  })
  description = "Sign-in settings of the pages, as in web/README.md. Changes in place."
  nullable    = false
}

variable "name" {
  type        = string
  description = "Prefix of the bucket's name. Changing it replaces the bucket."
  nullable    = false
}

variable "openings_enabled" {
  type        = bool
  description = "Whether voters may ask for the opening that finds their own line in a results pack. Changes in place."
  default     = false
  nullable    = false
}

variable "settings" {
  type = object({
    accent          = optional(string, "#2346d6")
    custom_texts    = optional(map(map(string)), {})
    embed_origins   = optional(list(string), [])
    logo_file       = optional(string)
    privacy_url     = optional(string)
    sign_in_origins = optional(list(string), [])
    title           = optional(string, "Votestream")
  })
  description = "The variable web of the tfvars. Changes in place."
  nullable    = false

  validation {
    condition     = can(regex("^#[0-9a-fA-F]{6}$", var.settings.accent))
    error_message = "web.accent is \"${var.settings.accent}\": it must be a colour as in #2346d6."
  }

  validation {
    condition     = alltrue([for language in keys(var.settings.custom_texts) : fileexists("${path.module}/../../../web/site/assets/texts/${language}.json")])
    error_message = "web.custom_texts has the languages ${join(", ", keys(var.settings.custom_texts))}: the pages speak ar, de, en, es and fr."
  }

  validation {
    condition = alltrue([
      for key in distinct(flatten([for texts in values(var.settings.custom_texts) : keys(texts)])) : contains(
        flatten([for part in ["", "board.", "check.", "codes."] : keys(jsondecode(file("${path.module}/../../../web/site/assets/texts/${part}en.json")))]), key
      )
    ])
    error_message = "web.custom_texts has a text that the pages do not: the names are in web/site/assets/texts/en.json, board.en.json, check.en.json and codes.en.json."
  }

  validation {
    condition     = alltrue([for origin in concat(var.settings.embed_origins, var.settings.sign_in_origins) : can(regex("^https://(\\*\\.)?[a-z0-9.-]+(:[0-9]+)?$|^http://(localhost|127\\.0\\.0\\.1)(:[0-9*]+)?$", origin))])
    error_message = "web.embed_origins and web.sign_in_origins have ${jsonencode(concat(var.settings.embed_origins, var.settings.sign_in_origins))}: each must be an origin without a path, as in https://www.example.org; *. in front stands for all its subdomains."
  }

  validation {
    condition     = var.settings.logo_file == null ? true : can(regex("\\.(png|jpg|svg|webp)$", var.settings.logo_file)) && fileexists(var.settings.logo_file)
    error_message = "web.logo_file is \"${coalesce(var.settings.logo_file, "-")}\": it must be the path of a .png, .jpg, .svg or .webp file, as seen from infra/."
  }

  validation {
    condition     = var.settings.privacy_url == null ? true : can(regex("^https://", var.settings.privacy_url))
    error_message = "web.privacy_url is \"${coalesce(var.settings.privacy_url, "-")}\": it must begin with https://."
  }

  validation {
    condition     = length(var.settings.title) <= 60
    error_message = "web.title has ${length(var.settings.title)} characters: 60 at most, because it is one line above each page."
  }
}
