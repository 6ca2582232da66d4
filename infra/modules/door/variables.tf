variable "allowed_origins" {
  type        = list(string)
  description = "Origins whose pages may vote from a browser; an empty list allows no page. Origins with any port (:*) are left out. Changes in place."
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
  description = "Containers that Lambda always keeps ready, which costs money even if nobody votes; null means none. Changes in place."
  default     = null

  validation {
    condition     = var.provisioned_concurrency == null ? true : var.provisioned_concurrency >= 1 && floor(var.provisioned_concurrency) == var.provisioned_concurrency
    error_message = "ingress.provisioned_concurrency must be a whole number from 1 up, or left out for none."
  }
}

variable "sign_in" {
  type = object({
    audiences    = list(string)
    issuer       = string
    token_scopes = list(string)
  })
  description = <<-EOT
    With voter_auth cognito or oidc: whose tokens are accepted. Changes in place.
    audiences: the audiences that a token may have: clients of the pool, or audiences of the issuer.
    issuer: the issuer, as in its tokens.
    token_scopes: with cognito, the scopes of access tokens, one of which each token must have; empty means ID tokens.
  EOT
  default     = { audiences = [], issuer = "", token_scopes = [] }
  nullable    = false

  validation {
    condition     = var.voter_auth != "cognito" || length(var.sign_in.audiences) > 0
    error_message = "voter_auth.client_ids is empty: with api.vote_door = \"${var.kind}\" and voter_auth.user_pool_arn, name the pool's clients whose tokens are accepted."
  }

  # API Gateway asks for https, too. Without a trailing blank or a query it is what tokens have in `iss`, letter by letter.
  validation {
    condition     = var.voter_auth != "oidc" || can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[^?#[:space:]]*)?$", var.sign_in.issuer))
    error_message = "voter_auth.issuer is \"${var.sign_in.issuer}\": with voter_auth.mode = \"oidc\" it must be the https address of your issuer, exactly as its tokens have it in iss, as in https://login.example.org."
  }

  # A list of audiences reaches the function as one text, "[a b]".
  validation {
    condition     = var.voter_auth != "oidc" || length(var.sign_in.audiences) > 0 && alltrue([for audience in var.sign_in.audiences : can(regex("^[^][[:space:]]+$", audience))])
    error_message = "voter_auth.audiences is ${jsonencode(var.sign_in.audiences)}: with voter_auth.mode = \"oidc\", name at least one audience that tokens may have in aud, without blanks or brackets. Otherwise a token for any other application of your issuer could vote."
  }
}

variable "throttling_burst_limit" {
  type        = number
  description = "Burst above the rate, in requests; a function URL has no such limit. Changes in place."
  nullable    = false
}

variable "throttling_rate_limit" {
  type        = number
  description = "Requests per second that an HTTP API lets through; a function URL has no such limit. Changes in place."
  nullable    = false
}

variable "voter_auth" {
  type        = string
  description = "Who names the voter: none (the body), iam (the body of a signed request), cognito (a user pool's token), oidc (another issuer's token) or codes (a code). Changes in place."
  nullable    = false

  validation {
    condition     = contains(["none", "iam", "cognito", "oidc", "codes"], var.voter_auth)
    error_message = "voter_auth.mode is \"${var.voter_auth}\": this door takes \"none\", \"iam\", \"cognito\", \"oidc\" or \"codes\"."
  }
}
