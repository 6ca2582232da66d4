# Each rule has one place: the module that passes a setting to AWS checks it. This file checks only what several modules
# share.

variable "api" {
  type = object({
    access_log_enabled   = optional(bool, false)
    allowed_origins      = optional(list(string), [])
    batch_enabled        = optional(bool, false)
    client_keys_required = optional(bool, false)
    clients = optional(map(object({
      requests_per_day       = optional(number)
      throttling_burst_limit = number
      throttling_rate_limit  = number
    })), {})
    domain = optional(object({
      certificate_arn = string
      name            = string
      zone_id         = optional(string)
    }))
    kept_vote_doors        = optional(set(string), [])
    throttling_burst_limit = optional(number, 5000)
    throttling_rate_limit  = optional(number, 10000)
    vote_door              = optional(string, "rest")
  })
  description = <<-EOT
    The front door.
    access_log_enabled: one line per request in CloudWatch, without body, voter or address; needs the account's API Gateway role, see modules/api/README.md.
    allowed_origins: origins whose pages may vote from a browser; an empty list allows no page.
    batch_enabled: trusted back ends may send up to 500 votes in one signed request.
    client_keys_required: refuse votes without a client's key with 403. Add clients, apply and hand out their keys first; require them in a second apply.
    clients: known clients by name, each with its own key and limits (throttling_rate_limit, throttling_burst_limit, and requests_per_day if given).
    domain: your own domain for the API, with an ACM certificate of this region (certificate_arn), and the Route 53 zone that gets the record (zone_id; null means that you add it).
    throttling_rate_limit: requests per second; an account starts with 10,000 over all its APIs.
    throttling_burst_limit: burst above the rate, in requests; an account starts with 5,000.
    vote_door: the door that clients use for votes: "rest" (the REST API, which has firewall and client keys), "http" (an HTTP API and a function, about half the price) or "url" (a function URL, about a quarter), see docs/doors.md. Results and receipts stay on the REST API.
    kept_vote_doors: other doors ("http", "url") that stay open for clients that use their addresses. The REST API always stays open.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = contains(["rest", "http", "url"], var.api.vote_door)
    error_message = "api.vote_door is \"${var.api.vote_door}\": it must be \"rest\", \"http\" or \"url\"."
  }

  validation {
    condition     = alltrue([for door in var.api.kept_vote_doors : contains(["http", "url"], door)])
    error_message = "api.kept_vote_doors has ${jsonencode(var.api.kept_vote_doors)}: it may hold \"http\" and \"url\"; the REST API stays open without being named."
  }
}

variable "artifact_directory" {
  type        = string
  description = "Directory with the zips and their manifest. Null means ../dist/<lambda_architecture>, where `make package` puts them."
  default     = null
}

variable "aws_region" {
  type        = string
  description = "Region of the deployment. Changing it replaces everything, the stored votes included; refused while deletion_protection is on."
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]+$", var.aws_region))
    error_message = "aws_region is \"${var.aws_region}\": it must be a region code such as us-east-1 or eu-central-1."
  }
}

variable "deletion_protection" {
  type        = bool
  description = "Refuse to delete the tables, the KMS keys, and the failure buckets that still hold something. Switch it off in one apply before a destroy."
  default     = true
  nullable    = false
}

variable "encryption" {
  type = object({
    customer_managed_key = optional(bool, false)
    kms_key_arn          = optional(string)
  })
  description = <<-EOT
    The key that encrypts stream, tables, failure buckets and logs. Default: each service's own key, which has no monthly fee.
    customer_managed_key: create a key, rotated every year; it encrypts alarms, too. A destroy deletes it in 30 days. After that, backups are unreadable.
    kms_key_arn: an existing key; modules/kms_key/README.md says what its policy must allow.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = !(var.encryption.customer_managed_key && var.encryption.kms_key_arn != null)
    error_message = "encryption.customer_managed_key creates a key, and encryption.kms_key_arn names an existing one: set one of them."
  }

  validation {
    condition     = var.encryption.kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:${var.aws_region}:[0-9]{12}:key/", var.encryption.kms_key_arn))
    error_message = "encryption.kms_key_arn is \"${coalesce(var.encryption.kms_key_arn, "-")}\": it must be the ARN of a key in ${var.aws_region} (arn:aws:kms:${var.aws_region}:<account>:key/<id>). An alias does not work, because policies name keys."
  }

  validation {
    condition     = var.stream.encryption_enabled || !(var.encryption.customer_managed_key || var.encryption.kms_key_arn != null)
    error_message = "encryption asks for a key, but stream.encryption_enabled is false: the votes would be unencrypted in the stream. Remove one of the two."
  }
}

variable "environment" {
  type        = string
  description = "Name of the environment, part of every name and tag. Changing it replaces everything, the stored votes included; refused while deletion_protection is on."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", var.environment))
    error_message = "environment is \"${var.environment}\": it must be lower-case letters and digits, with single hyphens between them, because bucket names allow nothing else."
  }

  validation {
    condition     = length("${var.project}-${var.environment}") <= 25
    error_message = "\"${var.project}-${var.environment}\" has ${length("${var.project}-${var.environment}")} characters: 25 at most, because S3 allows 63 for the bucket <project>-<environment>-vote-aggregator-failures-<account id>. Shorten environment (or project)."
  }
}

variable "failure_retention_days" {
  type        = number
  description = "How long the failure buckets keep batches that were given up, in days; until then they can be redriven. 0 means for ever. They hold votes, so do not keep them longer than you need."
  default     = 30
  nullable    = false

  validation {
    condition     = var.failure_retention_days >= 0 && floor(var.failure_retention_days) == var.failure_retention_days
    error_message = "failure_retention_days is ${var.failure_retention_days}: it must be a whole number of days from 1 up, because S3 expires objects by the day, or 0 to keep them for ever."
  }
}

variable "firewall" {
  type = object({
    forwarded_ip_header = optional(string)
    max_body_bytes      = optional(number, 4096)
    requests_per_client = number
    window_seconds      = optional(number, 300)
  })
  description = "AWS WAF in front of the API; null means none. Each attribute is explained in modules/firewall/README.md."
  default     = null
}

variable "ingress" {
  type = object({
    memory_mb               = optional(number, 256)
    provisioned_concurrency = optional(number)
    reserved_concurrency    = optional(number)
    timeout_seconds         = optional(number, 10)
  })
  description = <<-EOT
    The function behind api.vote_door = "http" or "url".
    memory_mb: memory of the function; its CPU grows with it.
    provisioned_concurrency: containers that Lambda always keeps ready, which also costs money when nobody votes; null means none.
    reserved_concurrency: maximum number of votes in progress, taken from the account's quota; null means no separate limit. A function URL has no other throttle: Lambda answers ten requests a second for each, so set a tenth of the rate.
    timeout_seconds: time limit of one answer.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = var.ingress.timeout_seconds >= 10 && var.ingress.timeout_seconds <= 29
    error_message = "ingress.timeout_seconds is ${var.ingress.timeout_seconds}: it must be 10 to 29, because two tries to reach Kinesis take up to 8 seconds, and API Gateway gives up after 29."
  }

  validation {
    condition     = var.api.vote_door != "url" || var.ingress.reserved_concurrency != null
    error_message = "ingress.reserved_concurrency must be set with api.vote_door = \"url\": a function URL has no other throttle, and without one votes could take the consumers' concurrency. Lambda answers ten requests a second for each reserved invocation: set a tenth of the rate."
  }

  validation {
    condition     = try(var.ingress.provisioned_concurrency <= var.ingress.reserved_concurrency, true)
    error_message = "ingress.provisioned_concurrency is above ingress.reserved_concurrency: Lambda keeps no more containers ready than may run at once."
  }
}

variable "lambda_architecture" {
  type        = string
  description = "Instruction set of the functions: arm64 (20 % cheaper) or x86_64. The artifacts must be built for it."
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "lambda_architecture is \"${var.lambda_architecture}\": it must be \"arm64\" or \"x86_64\", the two that Lambda runs."
  }
}

variable "log_level" {
  type        = string
  description = "Minimum severity that the functions log. No level logs a voter or a choice."
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], var.log_level)
    error_message = "log_level is \"${var.log_level}\": it must be DEBUG, INFO, WARNING, ERROR or CRITICAL, the levels of Python's logging."
  }
}

variable "log_retention_days" {
  type        = number
  description = "How long CloudWatch keeps the logs, in days."
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is ${var.log_retention_days}, which CloudWatch does not offer: choose 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "observability" {
  type = object({
    alarms_enabled      = optional(bool, true)
    concurrency_percent = optional(number, 80)
    emails              = optional(set(string), [])
    front_door_percent  = optional(number, 90)
    live_lag_seconds    = optional(number, 60)
    refused_percent     = optional(number, 10)
    rejected_percent    = optional(number, 20)
    risk_percent        = optional(number, 25)
    runbook_url         = optional(string, "docs/runbook.md")
    storing_lag_seconds = optional(number, 900)
    tally_minutes       = optional(number, 15)
    throttled_percent   = optional(number, 1)
    topic_arn           = optional(string)
    unavailable_percent = optional(number, 1)
  })
  description = "Alarms: who gets them, and their thresholds; each attribute is explained in modules/observability/README.md. Thresholds that follow from other settings (retention, give-up age, the front door's rate) are derived from them."
  default     = {}
  nullable    = false
}

variable "permissions_boundary" {
  type        = bool
  description = "Whether the policy that `make bootstrap` creates limits every role. The pipeline can deploy only with it. Changes in place."
  default     = false
  nullable    = false
}

variable "poll_cache_seconds" {
  type        = number
  description = "How long the consumers cache a poll, in seconds. Closing a poll early takes effect after this time."
  default     = 5
  nullable    = false

  validation {
    condition     = var.poll_cache_seconds >= 1 && var.poll_cache_seconds <= 300 && floor(var.poll_cache_seconds) == var.poll_cache_seconds
    error_message = "poll_cache_seconds is ${var.poll_cache_seconds}: it must be a whole number from 1 to 300. Without a cache each batch would read its polls again. A longer one delays the early closing of a poll."
  }
}

variable "polls_table" {
  type = object({
    autoscaling = optional(object({
      max_read_units  = number
      max_write_units = number
      target_percent  = optional(number, 70)
    }))
    billing_mode           = optional(string, "PAY_PER_REQUEST")
    max_read_units         = optional(number)
    max_write_units        = optional(number)
    point_in_time_recovery = optional(bool, true)
    read_units             = optional(number)
    write_units            = optional(number)
  })
  description = "Capacity of the polls table; each attribute is explained in modules/dynamodb/README.md. Each running function reads it once per poll_cache_seconds. Operators write it."
  default     = {}
  nullable    = false
}

variable "project" {
  type        = string
  description = "Name of the project, part of every name and tag. Changing it replaces everything, the stored votes included."
  default     = "votestream"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project))
    error_message = "project is \"${var.project}\": it must be lower-case letters and digits, with single hyphens between them and a letter first, because bucket names allow nothing else."
  }

  validation {
    condition     = !can(regex("^(aws|ssm|sthree-|amzn-s3-demo-)", var.project))
    error_message = "project is \"${var.project}\": it must not start with aws or ssm, which Parameter Store reserves, nor with sthree- or amzn-s3-demo-, which S3 reserves."
  }
}

variable "results_api" {
  type = object({
    cdn_domain = optional(object({
      certificate_arn = string
      names           = list(string)
      zone_id         = optional(string)
    }))
    cdn_enabled              = optional(bool, false)
    cdn_origin_shield_region = optional(string)
    memory_mb                = optional(number, 512)
    reserved_concurrency     = optional(number)
    throttling_burst_limit   = optional(number, 500)
    throttling_rate_limit    = optional(number, 1000)
    timeout_seconds          = optional(number, 28)
  })
  description = <<-EOT
    What viewers read: polls, results, receipts.
    cdn_domain: your own domains for CloudFront (names; links use the first), with an ACM certificate of us-east-1 for all of them (certificate_arn), and the Route 53 zone that gets the records (zone_id; null means that you add them).
    cdn_enabled: put CloudFront in front of the pages (web), and of polls and results. The API then answers about one request per second for each of these.
    cdn_origin_shield_region: region of the cache in front of the API (Origin Shield); null means aws_region. Not every region has one.
    memory_mb: memory of the function; its CPU grows with it.
    reserved_concurrency: maximum number of requests in progress, taken from the account's quota; null means no separate limit.
    throttling_rate_limit, throttling_burst_limit: requests per second and burst for each of the three, in addition to the limits of api.
    timeout_seconds: time limit of one answer.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = var.results_api.timeout_seconds <= 28
    error_message = "results_api.timeout_seconds is ${var.results_api.timeout_seconds}: it must be 28 at most, because API Gateway answers for a function that takes 29 seconds."
  }

  validation {
    condition     = var.results_api.cdn_domain == null || var.results_api.cdn_enabled
    error_message = "results_api.cdn_domain names CloudFront, but results_api.cdn_enabled is false: set it to true, or remove cdn_domain."
  }
}

variable "results_pack" {
  type        = object({ openings = optional(bool, false) })
  description = <<-EOT
    Keys for results packs, which `votectl export` creates and anyone can verify: {} creates them ($2 a month), null creates none.
    Going back to null schedules their deletion in 30 days; refused while deletion_protection is on.
    openings: whether voters may find their own line in a pack, once a poll is final. The line proves to anyone how they voted (docs/security.md).
  EOT
  default     = null

  validation {
    condition     = !(try(var.results_pack.openings, false) && !contains(["iam", "cognito"], var.voter_auth.mode))
    error_message = "results_pack.openings needs voters whom the REST API can authenticate: voter_auth.mode \"cognito\" or \"iam\". With \"${var.voter_auth.mode}\" it could not authenticate a voter: choose another mode, or leave openings out."
  }
}

variable "stream" {
  type = object({
    encryption_enabled  = optional(bool, true)
    mode                = optional(string, "PROVISIONED")
    retention_hours     = optional(number, 24)
    shard_count         = optional(number)
    shard_level_metrics = optional(set(string), [])
  })
  description = <<-EOT
    The stream.
    mode: PROVISIONED (shard_count shards of 1,000 records/s and 1 MiB/s) or ON_DEMAND.
    shard_count: required for PROVISIONED, not allowed for ON_DEMAND; one change may at most double or halve it.
    retention_hours: 24 to 8760; how long you have to repair a consumer before votes are lost.
    encryption_enabled: at rest, with Kinesis' own key or the key of encryption.
    shard_level_metrics: metrics per shard, to find a hot shard; each is charged.
  EOT
  nullable    = false
}

variable "tallies_table" {
  type = object({
    autoscaling = optional(object({
      max_read_units  = number
      max_write_units = number
      target_percent  = optional(number, 70)
    }))
    billing_mode           = optional(string, "PAY_PER_REQUEST")
    max_read_units         = optional(number)
    max_write_units        = optional(number)
    point_in_time_recovery = optional(bool, true)
    read_units             = optional(number)
    write_units            = optional(number)
  })
  description = "Capacity of the tallies table; each attribute is explained in modules/dynamodb/README.md. Writes per second: polls x shards / aggregator window."
  default     = {}
  nullable    = false
}

variable "tally" {
  type = object({
    count_concurrency = optional(number, 8)
    memory_mb         = optional(number, 512)
    publish_pack = optional(object({
      object_lock = optional(object({
        days = number
        mode = optional(string, "GOVERNANCE")
      }))
      public              = optional(bool, false)
      work_retention_days = optional(number, 7)
    }))
    metrics_lag_seconds = optional(number, 120)
    recount_seconds     = optional(number, 900)
    settle_seconds      = optional(number, 30)
    timeout_seconds     = optional(number, 300)
  })
  description = <<-EOT
    The tally, which makes results final.
    count_concurrency: parallel invocations that count a poll's votes (1 to 40), as fast as the votes table's read units allow.
    publish_pack: {} publishes the results pack of each final poll in a bucket, after another count; it needs results_pack. public lets anyone read packs. object_lock protects their files from deletion for some days; in mode COMPLIANCE even from the account's owner. Setting or removing object_lock replaces the bucket. work_retention_days: how long files of an unfinished publication stay; 0 keeps them for ever, without a lifecycle rule.
    metrics_lag_seconds: how far CloudWatch's counts of vote_writer's mapping must reach beyond the last closing marker before the tally trusts a count of no lost records. Lambda publishes them every minute, and later after a long invocation.
    recount_seconds: time from the final result to the recount, which finds votes that came too late for the certificate. 0 means no recount.
    settle_seconds: time from a poll's end to its tally, because AWS promises no accuracy of arrival times. The writer's failure bucket must stay empty for the same time after the last marker.
    memory_mb, timeout_seconds: of the function that runs the steps. A bucket that takes longer is counted in several invocations.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = var.tally.publish_pack == null || var.results_pack != null
    error_message = "tally.publish_pack needs the keys of results_pack: set results_pack = {} as well, or leave tally.publish_pack out."
  }

  validation {
    condition     = try(var.tally.publish_pack.object_lock, null) == null ? true : var.tally.publish_pack.object_lock.days >= 1 && var.tally.publish_pack.object_lock.days <= 36500 && floor(var.tally.publish_pack.object_lock.days) == var.tally.publish_pack.object_lock.days && contains(["COMPLIANCE", "GOVERNANCE"], var.tally.publish_pack.object_lock.mode)
    error_message = "tally.publish_pack.object_lock must have a whole number of days from 1 to 36500, and GOVERNANCE or COMPLIANCE as mode."
  }

  validation {
    condition     = try(var.tally.publish_pack.work_retention_days >= 0 && floor(var.tally.publish_pack.work_retention_days) == var.tally.publish_pack.work_retention_days, true)
    error_message = "tally.publish_pack.work_retention_days must be a whole number of days from 1 up, because S3 expires objects by the day, or 0 to keep work files for ever."
  }

  validation {
    condition     = var.tally.settle_seconds >= 0 && var.tally.settle_seconds <= 300 && floor(var.tally.settle_seconds) == var.tally.settle_seconds
    error_message = "tally.settle_seconds is ${var.tally.settle_seconds}: it must be a whole number of seconds from 0 to 300. Kinesis stamps arrivals on several servers, and their clocks differ by less than that."
  }

  validation {
    condition     = var.tally.metrics_lag_seconds >= 0 && var.tally.metrics_lag_seconds <= 3600 && floor(var.tally.metrics_lag_seconds) == var.tally.metrics_lag_seconds
    error_message = "tally.metrics_lag_seconds is ${var.tally.metrics_lag_seconds}: it must be a whole number of seconds from 0 to 3600, an hour. Every result waits for this time."
  }

  validation {
    condition     = var.tally.recount_seconds >= 0 && var.tally.recount_seconds <= 86400 && floor(var.tally.recount_seconds) == var.tally.recount_seconds
    error_message = "tally.recount_seconds is ${var.tally.recount_seconds}: it must be a whole number of seconds from 1 to 86400, a day, or 0 for no automatic recount. Later, stored votes and the stream change for other reasons."
  }

  validation {
    condition     = var.tally.timeout_seconds >= 30 && var.tally.timeout_seconds <= 900 && floor(var.tally.timeout_seconds) == var.tally.timeout_seconds
    error_message = "tally.timeout_seconds is ${var.tally.timeout_seconds}: it must be a whole number from 30 (a step needs some seconds for its last call) to 900, Lambda's limit."
  }
}

variable "unique_count" {
  type = object({
    memory_mb       = optional(number, 512)
    refresh_seconds = optional(number, 30)
  })
  description = <<-EOT
    Counts each voter once while a poll is open. The live counts beside it contain repeated votes. Null counts votes only.
    memory_mb: memory of the function; its CPU grows with it.
    refresh_seconds: maximum age of the number. Each refresh reads all stored votes of the open poll: about 37,000 read units per million.
  EOT
  default     = null

  validation {
    condition     = var.unique_count == null ? true : var.unique_count.refresh_seconds >= 10 && var.unique_count.refresh_seconds <= 3600 && floor(var.unique_count.refresh_seconds) == var.unique_count.refresh_seconds
    error_message = "unique_count.refresh_seconds is ${try(var.unique_count.refresh_seconds, 0)}: it must be a whole number from 10 (a pass takes seconds) to 3600."
  }
}

variable "vote_aggregator" {
  type = object({
    batch_size                     = optional(number, 10000)
    batching_window_seconds        = optional(number, 2)
    bisect_batch_on_function_error = optional(bool, false)
    enhanced_fan_out               = optional(bool, false)
    maximum_record_age_seconds     = optional(number, -1)
    maximum_retry_attempts         = optional(number, -1)
    memory_mb                      = optional(number, 1024)
    parallelization_factor         = optional(number, 1)
    reserved_concurrency           = optional(number)
    timeout_seconds                = optional(number, 60)
  })
  description = <<-EOT
    The consumer that counts; each attribute is explained in modules/stream_consumer/README.md.
    It retries a batch until the stream's retention ends, and handles one batch of a shard at a time, because its counts depend on order:
    parallelization_factor other than 1, and maximum_record_age_seconds and maximum_retry_attempts other than -1, are refused.
  EOT
  default     = {}
  nullable    = false
}

variable "vote_retention_days" {
  type        = number
  description = "How long a stored vote is kept after its poll closes, in days; DynamoDB then deletes it. 0 means for ever."
  default     = 0
  nullable    = false

  validation {
    condition     = var.vote_retention_days >= 0 && var.vote_retention_days <= 3650 && floor(var.vote_retention_days) == var.vote_retention_days
    error_message = "vote_retention_days is ${var.vote_retention_days}: it must be a whole number of days from 1 to 3650, or 0 to keep votes for ever. The vote writer takes no other value."
  }
}

variable "vote_writer" {
  type = object({
    batch_size                     = optional(number, 500)
    batching_window_seconds        = optional(number, 1)
    bisect_batch_on_function_error = optional(bool, true)
    enhanced_fan_out               = optional(bool, false)
    maximum_record_age_seconds     = optional(number, 43200)
    maximum_retry_attempts         = optional(number, -1)
    memory_mb                      = optional(number, 1024)
    parallelization_factor         = optional(number, 1)
    reserved_concurrency           = optional(number)
    timeout_seconds                = optional(number, 60)
    write_concurrency              = optional(number, 4)
    write_share                    = optional(number)
  })
  description = <<-EOT
    The consumer that stores; each attribute but the last is explained in modules/stream_consumer/README.md.
    It puts a batch into its failure bucket after maximum_record_age_seconds (12 hours: half of the stream's default retention).
    Batches can be redriven from there in any order, because versions decide which vote stays.
    write_concurrency: parallel BatchExecuteStatement calls of one invocation, with 25 votes each.
    write_share: pace writing at this share of votes_table.write_units (0.8 keeps a fifth free), split evenly over shards and lanes,
    so that a backlog drains at a constant rate without throttling; null means as fast as the table allows. A batch must fit into
    an invocation at that pace: 2 x batch_size + 25 writes within timeout_seconds - 9.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = var.vote_writer.write_concurrency >= 1 && var.vote_writer.write_concurrency <= 64 && floor(var.vote_writer.write_concurrency) == var.vote_writer.write_concurrency
    error_message = "vote_writer.write_concurrency is ${var.vote_writer.write_concurrency}: it must be a whole number from 1 to 64 (calls of 25 votes; more than 64 at once outrun what one function can sign and parse)."
  }

  validation {
    condition     = var.vote_writer.write_share == null ? true : var.vote_writer.write_share > 0 && var.vote_writer.write_share <= 1
    error_message = "vote_writer.write_share is ${coalesce(var.vote_writer.write_share, 0)}: it must be above 0 and at most 1, the whole of votes_table.write_units; leave it out for no pacing."
  }

  validation {
    condition     = var.vote_writer.write_share == null ? true : var.votes_table.billing_mode == "PROVISIONED" && var.stream.mode == "PROVISIONED"
    error_message = "vote_writer.write_share paces writing at a share of votes_table.write_units, split over stream.shard_count: both must be PROVISIONED. Leave write_share out if AWS scales them."
  }

  # The slowest batch at its lane's pace: every vote is a change and needs two writes, after the call before it (25). A
  # batch that took longer would time out, be retried, and time out at the same vote, for ever.
  validation {
    condition = try(
      (2 * var.vote_writer.batch_size + 25) * var.stream.shard_count * var.vote_writer.parallelization_factor
      <= var.votes_table.write_units * var.vote_writer.write_share * (var.vote_writer.timeout_seconds - 9), true
    )
    error_message = "vote_writer.write_share gives each lane ${try(format("%.4g", var.votes_table.write_units * var.vote_writer.write_share / (var.stream.shard_count * var.vote_writer.parallelization_factor)), 0)} writes/s (votes_table.write_units x write_share / shards / parallelization_factor): too few for a batch of ${var.vote_writer.batch_size} votes, which may need ${2 * var.vote_writer.batch_size + 25} of them, within timeout_seconds - 9 = ${var.vote_writer.timeout_seconds - 9} s. Lower vote_writer.batch_size to ${try(floor(max(0, var.votes_table.write_units * var.vote_writer.write_share / (var.stream.shard_count * var.vote_writer.parallelization_factor) * (var.vote_writer.timeout_seconds - 9) - 25) / 2), 0)}, or raise timeout_seconds, write_share or write_units."
  }
}

variable "votes_table" {
  type = object({
    autoscaling = optional(object({
      max_read_units  = number
      max_write_units = number
      target_percent  = optional(number, 70)
    }))
    billing_mode           = optional(string, "PAY_PER_REQUEST")
    max_read_units         = optional(number)
    max_write_units        = optional(number)
    point_in_time_recovery = optional(bool, true)
    read_units             = optional(number)
    write_units            = optional(number)
  })
  description = "Capacity of the votes table; each attribute is explained in modules/dynamodb/README.md. A voter's first vote costs one write unit. So these units limit how fast votes are stored; the stream holds the rest."
  default     = {}
  nullable    = false
}

variable "voter_auth" {
  type = object({
    audiences     = optional(list(string), [])
    callback_urls = optional(list(string), [])
    client_ids    = optional(list(string), [])
    email_sender = optional(object({
      from_address = string
      identity_arn = string
    }))
    issuer                 = optional(string)
    logout_urls            = optional(list(string), [])
    mode                   = optional(string, "iam")
    sign_up_enabled        = optional(bool, false)
    token_scopes           = optional(list(string), [])
    token_validity_minutes = optional(number, 60)
    user_pool_arn          = optional(string)
    user_pool_tier         = optional(string, "LITE")
    voter_claim            = optional(string, "sub")
  })
  description = <<-EOT
    How voters are identified.
    mode: "none" (the request's body; anyone can vote as anyone), "iam" (the body of a signed request: trusted back ends vouch for voters; the default, closed to all others), "cognito" (the token of a voter who has signed in), "oidc" (the token of your own OpenID Connect issuer) or "codes" (a code that was handed out: votectl codes). With oidc and codes api.vote_door must be "http" or "url".
    issuer: with oidc, the issuer's https address, exactly as its tokens have it in iss. It signs with RS256 and has <issuer>/.well-known/openid-configuration.
    audiences: with oidc, the audiences that a token may have (aud). The first is the client that the pages sign voters in with.
    voter_claim: with oidc, the claim that names the voter: a text of 1-128 of A-Z a-z 0-9 _ . : @ | + = / -. Choose one that voters cannot change: one name is one vote.
    user_pool_arn: with cognito, the pool whose users vote; null creates one.
    client_ids: with user_pool_arn and api.vote_door "http" or "url", the pool's clients whose tokens are accepted.
    token_scopes: with cognito, the scopes of the access tokens that voters send, one of which each token must have; empty means that voters send ID tokens.
    callback_urls, email_sender, logout_urls, sign_up_enabled, token_validity_minutes, user_pool_tier: settings of the created pool, see modules/voters/README.md.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = !contains(["oidc", "codes"], var.voter_auth.mode) || var.api.vote_door != "rest"
    error_message = "voter_auth.mode = \"${var.voter_auth.mode}\" needs a door that can check its tokens, and a REST API cannot: choose api.vote_door = \"http\" or \"url\"."
  }

  validation {
    condition     = var.voter_auth.mode == "oidc" || var.voter_auth.issuer == null && length(var.voter_auth.audiences) == 0 && var.voter_auth.voter_claim == "sub"
    error_message = "voter_auth.issuer, audiences and voter_claim need voter_auth.mode = \"oidc\": with \"${var.voter_auth.mode}\" nothing reads them."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9_:./-]{1,128}$", var.voter_auth.voter_claim))
    error_message = "voter_auth.voter_claim is \"${var.voter_auth.voter_claim}\": it must be the name of a claim in your issuer's tokens, as in sub."
  }

  # A batch would name its voters, but here a voter's code does.
  validation {
    condition     = var.voter_auth.mode != "codes" || !var.api.batch_enabled
    error_message = "voter_auth.mode = \"codes\" and api.batch_enabled = true: a back end would name voters without their codes. Leave batches out, or choose voter_auth.mode = \"iam\"."
  }

  validation {
    condition     = var.voter_auth.user_pool_arn == null || var.voter_auth.mode == "cognito"
    error_message = "voter_auth.user_pool_arn needs voter_auth.mode = \"cognito\": with \"${var.voter_auth.mode}\" voters do not sign in to a pool."
  }

  validation {
    condition     = var.voter_auth.user_pool_arn == null ? true : can(regex("^arn:[a-z-]+:cognito-idp:[a-z0-9-]+:[0-9]{12}:userpool/[A-Za-z0-9_-]+$", var.voter_auth.user_pool_arn))
    error_message = "voter_auth.user_pool_arn is \"${coalesce(var.voter_auth.user_pool_arn, " ")}\": it must be a user pool's ARN, as in arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_abcdefghi."
  }
}

variable "web" {
  type = object({
    accent          = optional(string, "#2346d6")
    custom_texts    = optional(map(map(string)), {})
    embed_origins   = optional(list(string), [])
    logo_file       = optional(string)
    privacy_url     = optional(string)
    sign_in_origins = optional(list(string), [])
    title           = optional(string, "Votestream")
  })
  description = <<-EOT
    Pages for the audience and for the screen; {} publishes them, null means none. CloudFront serves them where results_api.cdn_enabled is true.
    accent: the colour of buttons and bars; it must be readable on white.
    custom_texts: texts in place of ours, by language and name, as in { en = { vote = "Send" } }; the names are in web/site/assets/texts.
    embed_origins: sites that may show the pages in a frame, as in https://www.example.org; an empty list allows no site.
    logo_file: a picture beside the title, its path as seen from infra/.
    privacy_url: target of the link "Privacy"; null means no link.
    sign_in_origins: further hosts that signing in needs, beside the issuer's.
    title: the name above each page.
  EOT
  default     = null

  validation {
    condition     = var.web == null || !var.api.client_keys_required
    error_message = "web publishes pages to vote on, and api.client_keys_required = true refuses votes without a key, which a page cannot keep secret. Set one of them back."
  }

  validation {
    condition     = var.web == null || var.voter_auth.user_pool_arn == null || length(var.voter_auth.client_ids) > 0
    error_message = "web needs voter_auth.client_ids with voter_auth.user_pool_arn: the first of them is the client that the pages sign voters in with. It must have no secret, and allow the authorization code flow."
  }
}
