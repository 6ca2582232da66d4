# Front doors that ask who votes, in front of the stream and the tables of the deployment under test: the same modules
# as in infra/main.tf, with the settings that the deployment has not.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  backend "local" {}
}

variable "architecture" {
  type = string
}

variable "artifact_directory" {
  type = string
}

variable "deployment" {
  type        = string
  description = "The deployment's SSM parameter."
}

variable "http_apis" {
  type        = bool
  description = "Whether the cloud has HTTP APIs."
  default     = true
}

variable "issuer" {
  type        = object({ certificate_file = string, url = string })
  description = "An OpenID Connect issuer on this machine, and the file with its certificate. Null where AWS would have to reach it."
  default     = null
}

variable "name_prefix" {
  type = string
}

variable "user_pools" {
  type        = bool
  description = "Whether the cloud has Cognito's user pools. Without them, no door has voters who sign in."
  default     = true
}

locals {
  deployment = jsondecode(nonsensitive(data.aws_ssm_parameter.deployment.value))
  functions = {
    architecture       = var.architecture
    artifact_directory = var.artifact_directory
    log_retention_days = 1
    name_prefix        = var.name_prefix
  }
  table_arns = {
    for table in ["polls_table", "tallies_table", "votes_table"] :
    table => "arn:aws:dynamodb:${local.deployment.region}:${data.aws_caller_identity.current.account_id}:table/${local.deployment[table]}"
  }
}

data "aws_caller_identity" "current" {}

data "aws_ssm_parameter" "deployment" {
  name = var.deployment
}

data "aws_kinesis_stream" "votes" {
  name = local.deployment.stream_name
}

module "voters" {
  source = "../../../infra/modules/voters"
  count  = var.user_pools ? 1 : 0

  name                        = var.name_prefix
  deletion_protection_enabled = false
  settings                    = { callback_urls = ["${var.pages.url}/vote"], logout_urls = ["${var.pages.url}/vote"] }
}

module "receipts" {
  source = "../../../infra/modules/function"

  name        = "results_api"
  deployment  = local.functions
  description = "Answers what viewers and signed-in voters ask"
  handler     = "results_api.handler.lambda_handler"
  settings    = { memory_mb = 512, timeout_seconds = 28 }

  environment_variables = {
    VOTESTREAM_ENVIRONMENT         = "e2e"
    VOTESTREAM_LOG_LEVEL           = "INFO"
    VOTESTREAM_OPENINGS_KEY        = local.deployment.pack_key_arn
    VOTESTREAM_POLLS_TABLE         = local.deployment.polls_table
    VOTESTREAM_TALLIES_TABLE       = local.deployment.tallies_table
    VOTESTREAM_VOTE_RETENTION_DAYS = 0
    VOTESTREAM_VOTER_AUTH          = "cognito"
    VOTESTREAM_VOTES_TABLE         = local.deployment.votes_table
  }

  permissions = {
    ReadTables = {
      actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
      resources = values(local.table_arns)
    }
    ReadPollKeys = {
      actions   = ["kms:Decrypt"]
      resources = [local.deployment.pack_key_arn]
    }
  }
}

# REST APIs, each with its own identity.
locals {
  rest_doors = merge(
    {
      # A back end vouches for voters, and has a key.
      iam = { client_keys_required = true, clients = { back-end = { throttling_burst_limit = 1000, throttling_rate_limit = 2000 } } }
      # Anybody may vote, and three at once, then one a second.
      narrow = { throttling_burst_limit = 3, throttling_rate_limit = 1, voter_auth = "none" }
    },
    # Voters sign in, pages of two origins may vote, and a back end may send batches.
    { for pool in module.voters : "cognito" => { allowed_origins = local.origins, batch_enabled = true, user_pool_arn = pool.user_pool_arn } },
  )
  origins = ["https://vote.example.org", "https://example.org"]
}

module "rest_door" {
  source   = "../../../infra/modules/api"
  for_each = local.rest_doors

  name                           = "${var.name_prefix}-${each.key}"
  allowed_origins                = try(each.value.allowed_origins, [])
  batch_enabled                  = try(each.value.batch_enabled, false)
  client_keys_required           = try(each.value.client_keys_required, false)
  clients                        = try(each.value.clients, {})
  log_retention_days             = 1
  results_function_name          = module.receipts.function_name
  results_invoke_arn             = module.receipts.invoke_arn
  results_throttling_burst_limit = 500
  results_throttling_rate_limit  = 1000
  stream_arn                     = data.aws_kinesis_stream.votes.arn
  stream_name                    = local.deployment.stream_name
  throttling_burst_limit         = try(each.value.throttling_burst_limit, 1000)
  throttling_rate_limit          = try(each.value.throttling_rate_limit, 2000)
  user_pool_arn                  = try(each.value.user_pool_arn, null)
  voter_auth                     = try(each.value.voter_auth, each.key)
}

# How tests sign voters in without a browser.
resource "aws_cognito_user_pool_client" "tests" {
  count = var.user_pools ? 1 : 0

  name                = "tests"
  user_pool_id        = module.voters[0].user_pool_id
  explicit_auth_flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
}

module "code_key" {
  source = "../../../infra/modules/kms_key"

  name                        = "${var.name_prefix}-codes"
  description                 = "Signs voters' codes"
  signing_spec                = "RSA_2048"
  deletion_protection_enabled = false
}

# The cheaper doors with each identity. Batches need signatures, which a function URL asks of all requests or of none.
locals {
  identities = concat(["none", "iam", "cognito", "codes"], var.issuer == null ? [] : ["oidc"])
  vote_doors = {
    for door in setproduct(["http", "url"], local.identities) : join("-", door) => {
      kind          = door[0]
      voter_auth    = door[1]
      batch_enabled = door[0] == "http" && door[1] != "codes" || door[1] == "iam"
      sign_in       = lookup(local.sign_in, door[1], { audiences = [], issuer = "", token_scopes = [] })
    } if(var.http_apis || door[0] != "http") && (var.user_pools || door[1] != "cognito")
  }
  sign_in = {
    codes = { audiences = [], issuer = "votestream/tests/${var.name_prefix}", token_scopes = [] }
    cognito = {
      audiences    = aws_cognito_user_pool_client.tests[*].id
      issuer       = join("", [for pool in module.voters : "https://cognito-idp.${local.deployment.region}.amazonaws.com/${pool.user_pool_id}"])
      token_scopes = []
    }
    oidc = { audiences = ["pages", "app"], issuer = try(var.issuer.url, ""), token_scopes = [] }
  }
}

module "ingress" {
  source   = "../../../infra/modules/function"
  for_each = local.vote_doors

  name               = "ingress"
  deployment         = merge(local.functions, { name_prefix = "${var.name_prefix}-${each.key}" })
  description        = "Puts votes into the stream, behind one of the doors under test"
  handler            = "ingress.handler.lambda_handler"
  log_warnings_only  = true
  settings           = { memory_mb = 256, timeout_seconds = 10 }
  versions_published = true

  environment_variables = merge(
    {
      VOTESTREAM_AUDIENCES     = join(" ", each.value.sign_in.audiences)
      VOTESTREAM_BATCH_ENABLED = tostring(each.value.batch_enabled)
      VOTESTREAM_CODE_KEY      = each.value.voter_auth == "codes" ? "${module.code_key.key_id}:${module.code_key.public_key}" : ""
      VOTESTREAM_ISSUER        = each.value.sign_in.issuer
      VOTESTREAM_POLLS_TABLE   = each.value.voter_auth == "codes" ? local.deployment.polls_table : ""
      VOTESTREAM_STREAM        = local.deployment.stream_name
      VOTESTREAM_TOKEN_SCOPES  = ""
      VOTESTREAM_VOTE_DOOR     = each.value.kind
      VOTESTREAM_VOTER_AUTH    = each.value.voter_auth
      VOTESTREAM_VOTER_CLAIM   = each.value.voter_auth == "oidc" ? "member" : ""
    },
    # Python's TLS trusts the certificates in this file.
    each.value.voter_auth == "oidc" ? { SSL_CERT_FILE = try(var.issuer.certificate_file, "") } : {},
  )

  permissions = merge(
    {
      PutVotes = {
        actions   = ["kinesis:PutRecord", "kinesis:PutRecords"]
        resources = [data.aws_kinesis_stream.votes.arn]
      }
    },
    each.value.voter_auth != "codes" ? {} : {
      ReadBatchesOfCodes = {
        actions   = ["dynamodb:GetItem"]
        resources = [local.table_arns.polls_table]
        condition = {
          "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["code_batches", "poll_id"] }
          "StringEqualsIfExists"      = { "dynamodb:Select" = ["SPECIFIC_ATTRIBUTES"] }
        }
      }
    },
  )
}

module "vote_door" {
  source   = "../../../infra/modules/door"
  for_each = local.vote_doors

  name                   = "${var.name_prefix}-${each.key}"
  kind                   = each.value.kind
  allowed_origins        = local.origins
  batch_enabled          = each.value.batch_enabled
  sign_in                = each.value.sign_in
  throttling_burst_limit = 1000
  throttling_rate_limit  = 2000
  voter_auth             = each.value.voter_auth

  function = {
    name    = module.ingress[each.key].function_name
    version = module.ingress[each.key].version
  }
}

# What of the deployment's parameter is another thing behind each door.
output "vote_doors" {
  value = {
    for name, door in local.vote_doors : name => {
      api_key_ids          = {}
      code_issuer          = local.sign_in.codes.issuer
      code_signing_key_arn = module.code_key.key_arn
      vote_door            = door.kind
      voter_auth           = door.voter_auth
      votes_url            = module.vote_door[name].votes_url
    }
  }
}

output "ingress_functions" {
  value = { for name, function in module.ingress : name => function.function_name }
}

output "back_end_policy_arns" {
  value = { for name, door in module.vote_door : name => door.back_end_policy_arn }
}

output "doors" {
  value = {
    for name, api in module.rest_door : name => {
      api_id      = api.api_id
      api_key_ids = api.api_key_ids
      api_url     = api.invoke_url
      voter_auth  = try(local.rest_doors[name].voter_auth, name)
    }
  }
}

output "user_pool_client_id" {
  value = one(aws_cognito_user_pool_client.tests[*].id)
}

output "user_pool_id" {
  value = one(module.voters[*].user_pool_id)
}
