variable "aws_region" {
  type        = string
  description = "Region of the state bucket and of everything that the roles may deploy."
  nullable    = false
}

variable "environment" {
  type        = string
  description = "Environment to prepare, as in ../environments."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*$", var.environment))
    error_message = "environment is \"${var.environment}\": it must be lower-case letters and digits, starting with a letter, like the names in infra/environments."
  }
}

variable "github_repository" {
  type        = string
  description = "Repository whose workflows may deploy, as owner/name. null creates no roles: people deploy with their own credentials."
  default     = null

  validation {
    # A name with * would admit other repositories.
    condition     = var.github_repository == null ? true : can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository is \"${coalesce(var.github_repository, "null")}\": it must be owner/name, as in the repository's address."
  }
}

variable "github_repository_id" {
  type        = string
  description = "The repository's number, which stays the same when the repository is renamed (gh api repos/{owner}/{repo} --jq .id). null trusts the name alone."
  default     = null

  validation {
    condition     = var.github_repository_id == null ? true : can(regex("^[0-9]+$", var.github_repository_id))
    error_message = "github_repository_id is \"${coalesce(var.github_repository_id, "null")}\": it must be a number."
  }
}

variable "owns_github_provider" {
  type        = bool
  description = "Create the account's connection to GitHub here. false if it exists already: an account has one."
  default     = true
  nullable    = false
}

variable "project" {
  type        = string
  description = "First part of all names, as in the root module."
  default     = "votestream"
  nullable    = false
}

variable "zone_id" {
  type        = string
  description = "Route 53 zone in which the deploy role may change records, for api.domain. null means none."
  default     = null

  validation {
    condition     = var.zone_id == null ? true : can(regex("^Z[A-Z0-9]{1,31}$", var.zone_id))
    error_message = "zone_id is \"${coalesce(var.zone_id, "null")}\": it must be the id of a hosted zone, as in Z0123456789ABC."
  }
}

variable "state_bucket" {
  type        = string
  description = "Bucket of the environment's state. It exists before the apply, because this state is stored in it, too."
  nullable    = false

  validation {
    condition     = !startswith(var.state_bucket, "${var.project}-${var.environment}")
    error_message = "state_bucket is \"${var.state_bucket}\": the deploy role may delete buckets whose names begin with ${var.project}-${var.environment}. Put a prefix before it."
  }
}
