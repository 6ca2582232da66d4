variable "allowed_origins" {
  type        = list(string)
  description = "Origins whose pages may vote from a browser; none means that no page may. Those with any port (:*) are left out. Changes in place."
  default     = []
  nullable    = false
}

variable "batch_enabled" {
  type        = bool
  description = "Whether back ends may send many votes in one signed request. Changes in place."
  default     = false
  nullable    = false
}

variable "clients" {
  type        = list(string)
  description = "Names of known clients; must be empty, because these doors know no keys."
  default     = []
  nullable    = false
}

variable "firewall_enabled" {
  type        = bool
  description = "Whether the tfvars ask for a firewall; must be false, because none can stand before these doors."
  default     = false
  nullable    = false
}

variable "function" {
  type = object({
    name    = string
    version = string
  })
  description = "The function that puts votes into the stream, and the version that the door calls."
  nullable    = false
}

variable "kind" {
  type        = string
  description = "What stands in front of the function: http (an HTTP API) or url (a function URL). Changing it replaces the address."
  nullable    = false

  validation {
    condition     = contains(["http", "url"], var.kind)
    error_message = "kind is \"${var.kind}\": it must be \"http\" (an HTTP API) or \"url\" (a function URL)."
  }
}

variable "name" {
  type        = string
  description = "Name of the HTTP API and prefix of the policy. Changes the API in place; the policy is replaced."
  nullable    = false
}

variable "provisioned_concurrency" {
  type        = number
  description = "Containers that are kept ready, and paid for, at any time; null means none. Changes in place."
  default     = null

  validation {
    condition     = var.provisioned_concurrency == null ? true : var.provisioned_concurrency >= 1 && floor(var.provisioned_concurrency) == var.provisioned_concurrency
    error_message = "ingress.provisioned_concurrency must be a whole number from 1 up, or left out for none."
  }
}

variable "sign_in" {
  type = object({
    client_ids   = list(string)
    issuer       = string
    token_scopes = list(string)
  })
  description = <<-EOT
    With voter_auth cognito: whose tokens are accepted. Changes in place.
    client_ids: clients of the pool whose tokens are accepted.
    issuer: the pool's issuer, as its tokens say it.
    token_scopes: none means ID tokens; otherwise access tokens that have one of these scopes.
  EOT
  default     = { client_ids = [], issuer = "", token_scopes = [] }
  nullable    = false

  validation {
    condition     = var.voter_auth != "cognito" || length(var.sign_in.client_ids) > 0
    error_message = "voter_auth.client_ids is empty: with api.vote_door = \"${var.kind}\" and voter_auth.user_pool_arn, name the pool's clients whose tokens are accepted."
  }
}

variable "throttling_burst_limit" {
  type        = number
  description = "Requests that may come at once on top of the rate; a function URL has no such limit. Changes in place."
  nullable    = false
}

variable "throttling_rate_limit" {
  type        = number
  description = "Requests per second that an HTTP API lets through; a function URL has no such limit. Changes in place."
  nullable    = false
}

variable "voter_auth" {
  type        = string
  description = "Who names the voter: none (the body), iam (the body of a signed request) or cognito (a user pool's token). Changes in place."
  nullable    = false

  validation {
    condition     = contains(["none", "iam", "cognito"], var.voter_auth)
    error_message = "voter_auth.mode is \"${var.voter_auth}\": this door takes \"none\", \"iam\" or \"cognito\"."
  }
}
