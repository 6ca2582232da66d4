variable "access_log_enabled" {
  type        = bool
  description = "Log one line per request (status, latency, cause; no body, voter or address) to CloudWatch. Needs the account's API Gateway role for CloudWatch, see the README. Changes in place."
  default     = false
  nullable    = false
}

variable "allowed_origins" {
  type        = list(string)
  description = "Origins whose pages may vote from a browser, as in https://vote.example.org. An empty list allows no page. http://localhost:* allows every port of this machine. Changes in place."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^(https?://[a-z0-9.-]+(:[0-9]{1,5})?|http://(localhost|127[.]0[.]0[.]1):[*])$", origin))])
    error_message = "api.allowed_origins has ${jsonencode(var.allowed_origins)}: each must be scheme and host as a browser sends them, as in https://vote.example.org: lower case, no path, no slash at the end. A * may only stand for the port of http://localhost or http://127.0.0.1."
  }
}

variable "batch_enabled" {
  type        = bool
  description = "Let trusted back ends send up to 500 votes in one signed request (POST /polls/{poll_id}/votes/batch). Changes in place."
  default     = false
  nullable    = false
}

variable "client_keys_required" {
  type        = bool
  description = "Refuse votes without the key of a client (X-Api-Key) with 403. Switch it on once every client has its key. Changes in place."
  default     = false
  nullable    = false

  validation {
    condition     = !var.client_keys_required || length(var.clients) > 0
    error_message = "api.client_keys_required is true, but api.clients is empty: no vote could be sent. Add clients, apply, hand out their keys, then require them."
  }
}

variable "clients" {
  type = map(object({
    requests_per_day       = optional(number)
    throttling_burst_limit = number
    throttling_rate_limit  = number
  }))
  description = "Known clients by name; each gets its own key and limits. The limits apply once client_keys_required is true. Empty means no keys. Changes in place."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.clients) : can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", name)) && length(name) <= 32])
    error_message = "api.clients has ${jsonencode(keys(var.clients))}: a client's name must be at most 32 lower-case letters and digits, with single hyphens between them."
  }

  # Each takes at most 48 bytes of the deployment's parameter, which holds 4 KB (../../deployment.tf).
  validation {
    condition     = length(var.clients) <= 40
    error_message = "api.clients has ${length(var.clients)} clients: at most 40 fit into the deployment's parameter. Let clients that need no separate limits share a key."
  }

  validation {
    condition     = alltrue([for client in values(var.clients) : client.throttling_rate_limit >= 1 && client.throttling_burst_limit >= 1 && floor(client.throttling_burst_limit) == client.throttling_burst_limit])
    error_message = "api.clients has a throttling_rate_limit below 1, or a throttling_burst_limit that is not a whole number from 1 up: 0 refuses every vote with 429."
  }

  validation {
    condition     = alltrue([for client in values(var.clients) : client.requests_per_day == null ? true : client.requests_per_day >= 1 && floor(client.requests_per_day) == client.requests_per_day])
    error_message = "api.clients has a requests_per_day that is not a whole number from 1 up; leave it out for no quota."
  }
}

variable "domain" {
  type = object({
    certificate_arn = string
    name            = string
    zone_id         = optional(string)
  })
  description = <<-EOT
    Your own host name for the API; null means API Gateway's. A new name replaces the old one, and callers of the old one fail.
    certificate_arn: an issued ACM certificate for the name, in the API's region.
    zone_id: Route 53 zone that gets the record; null means that you add it elsewhere.
  EOT
  default     = null

  validation {
    condition     = var.domain == null ? true : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name)) && length(var.domain.name) <= 253
    error_message = "api.domain.name is \"${try(var.domain.name, "")}\": it must be a host name in lower case, as in votes.example.org."
  }

  validation {
    condition     = var.domain == null ? true : can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/", var.domain.certificate_arn))
    error_message = "api.domain.certificate_arn is \"${try(var.domain.certificate_arn, "")}\": it must be the ARN of an ACM certificate in the API's region, as in arn:aws:acm:us-east-1:111122223333:certificate/<id>."
  }

  validation {
    condition     = try(var.domain.zone_id, null) == null ? true : can(regex("^Z[A-Z0-9]{1,31}$", var.domain.zone_id))
    error_message = "api.domain.zone_id is \"${try(coalesce(var.domain.zone_id, "-"), "-")}\": it must be the id of a hosted zone, as in Z0123456789ABC, without /hostedzone/."
  }
}

variable "kms_key" {
  type        = object({ arn = string })
  description = "Key that encrypts the stream and the access log; null means the services' own keys. Changes in place."
  default     = null
}

variable "log_retention_days" {
  type        = number
  description = "How long CloudWatch keeps the access log, in days. Changes in place."
  nullable    = false
}

variable "name" {
  type        = string
  description = "Name of the REST API and prefix of its role and log group. Changes the API in place; the role and the log group are replaced."
  nullable    = false

  validation {
    condition     = length("${var.name}-api") <= 64
    error_message = "\"${var.name}-api\" is too long for a role, which has at most 64 characters: shorten project or environment."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  description = "Permissions boundary of the role (../../bootstrap creates it). null sets no boundary. Changes in place."
  default     = null
}

variable "results_function_name" {
  type        = string
  description = "Name of the function that answers viewers; the API may call it for reads only."
  nullable    = false
}

variable "results_invoke_arn" {
  type        = string
  description = "ARN under which API Gateway calls that function."
  nullable    = false
}

variable "results_throttling_burst_limit" {
  type        = number
  description = "Burst above that rate, in requests. Changes in place."
  nullable    = false

  validation {
    condition     = var.results_throttling_burst_limit >= 1 && floor(var.results_throttling_burst_limit) == var.results_throttling_burst_limit
    error_message = "results_api.throttling_burst_limit is ${var.results_throttling_burst_limit}: it must be a whole number from 1 up, because 0 refuses every read with 429."
  }
}

variable "results_throttling_rate_limit" {
  type        = number
  description = "Reads per second and kind (poll, results, receipt) that the stage lets through; the rest gets 429. Changes in place."
  nullable    = false

  validation {
    condition     = var.results_throttling_rate_limit >= 1
    error_message = "results_api.throttling_rate_limit is ${var.results_throttling_rate_limit}: it must be 1 request per second or more, because 0 refuses every read with 429."
  }
}

variable "stream_arn" {
  type        = string
  description = "ARN of the stream that takes the votes; the API's role may put records there and nowhere else."
  nullable    = false
}

variable "stream_name" {
  type        = string
  description = "Name of that stream, for PutRecord."
  nullable    = false
}

variable "throttling_burst_limit" {
  type        = number
  description = "Burst above the rate, in requests (size of the token bucket). Changes in place."
  nullable    = false

  validation {
    condition     = var.throttling_burst_limit >= 1 && floor(var.throttling_burst_limit) == var.throttling_burst_limit
    error_message = "api.throttling_burst_limit is ${var.throttling_burst_limit}: it must be a whole number from 1 up, because 0 refuses every vote with 429. An account starts with 5,000."
  }
}

variable "throttling_rate_limit" {
  type        = number
  description = "Requests per second that the stage lets through; the rest gets 429. Changes in place."
  nullable    = false

  validation {
    condition     = var.throttling_rate_limit >= 1
    error_message = "api.throttling_rate_limit is ${var.throttling_rate_limit}: it must be 1 request per second or more, because 0 refuses every vote with 429. An account starts with 10,000."
  }
}

variable "token_scopes" {
  type        = list(string)
  description = "With voter_auth cognito: scopes of the access tokens that voters send, one of which each token must have. Empty means that voters send ID tokens. Changes in place."
  default     = []
  nullable    = false

  validation {
    condition     = var.voter_auth == "cognito" || length(var.token_scopes) == 0
    error_message = "voter_auth.token_scopes needs voter_auth.mode = \"cognito\": with \"${var.voter_auth}\" there are no tokens."
  }
}

variable "user_pool_arn" {
  type        = string
  description = "With voter_auth cognito: ARN of the user pool whose users vote. Null otherwise. Changes in place."
  default     = null

  validation {
    condition     = (var.voter_auth == "cognito") == (var.user_pool_arn != null)
    error_message = "user_pool_arn must be set with voter_auth \"cognito\", and only then: without a pool there are no tokens to check."
  }
}

variable "voter_auth" {
  type        = string
  description = "Source of the voter: none (the body, unverified), iam (the body of a signed request) or cognito (a user pool's token). With oidc and codes (another issuer's token, a code) this API takes no votes. Changes in place."
  nullable    = false

  validation {
    condition     = contains(["none", "iam", "cognito", "oidc", "codes"], var.voter_auth)
    error_message = "voter_auth.mode is \"${var.voter_auth}\": it must be \"none\" (anyone may vote as anyone), \"iam\" (back ends vouch for voters), \"cognito\" (voters sign in to a user pool), \"oidc\" (voters sign in at your issuer) or \"codes\" (voters have a code)."
  }
}
