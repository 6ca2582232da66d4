# The doors: addresses for clients, and the settings of ingress. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "us_east_1"
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  vote_aggregator = { reserved_concurrency = 4 }
  vote_writer     = { reserved_concurrency = 4 }
}

run "votes_go_to_the_rest_api_by_default" {
  command = plan

  assert {
    condition     = output.votes_url == output.api_url && length(module.door) == 0 && length(module.ingress) == 0
    error_message = "Without vote_door votes must go to the REST API, without a function."
  }
}

run "votes_go_to_the_http_api" {
  command = plan

  variables {
    api = { throttling_rate_limit = 3000, vote_door = "http", batch_enabled = true }
  }

  assert {
    condition     = output.votes_url == "https://httpapi000.execute-api.eu-west-1.amazonaws.com"
    error_message = "votes_url sends clients to the HTTP API."
  }

  assert {
    condition     = jsondecode(aws_ssm_parameter.deployment.value).votes_url == output.votes_url && jsondecode(aws_ssm_parameter.deployment.value).vote_door == "http"
    error_message = "Tools find the door in the deployment parameter."
  }

  assert {
    condition = module.ingress["http"].environment_variables == tomap({
      VOTESTREAM_AUDIENCES     = ""
      VOTESTREAM_BATCH_ENABLED = "true"
      VOTESTREAM_CODE_KEY      = ""
      VOTESTREAM_ISSUER        = ""
      VOTESTREAM_POLLS_TABLE   = ""
      VOTESTREAM_STREAM        = "votestream-test-votes"
      VOTESTREAM_TOKEN_SCOPES  = ""
      VOTESTREAM_VOTE_DOOR     = "http"
      VOTESTREAM_VOTER_AUTH    = "iam"
      VOTESTREAM_VOTER_CLAIM   = ""
    })
    error_message = "ingress must get exactly its settings."
  }

  assert {
    condition     = [for statement in jsondecode(module.ingress["http"].execution_policy_json).Statement : statement.Action if statement.Sid == "PutVotes"] == [["kinesis:PutRecord", "kinesis:PutRecords"]]
    error_message = "ingress may only put records into the stream."
  }
}

run "votes_go_to_the_function_url" {
  command = plan

  variables {
    api        = { throttling_rate_limit = 4000, vote_door = "url" }
    ingress    = { reserved_concurrency = 50 }
    voter_auth = { mode = "cognito" }
  }

  assert {
    condition     = output.votes_url == "https://functionurl.lambda-url.eu-west-1.on.aws"
    error_message = "votes_url sends clients to the function URL."
  }

  assert {
    condition     = module.ingress["url"].environment_variables.VOTESTREAM_ISSUER == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_mocked" && module.ingress["url"].environment_variables.VOTESTREAM_AUDIENCES == "mockedclient"
    error_message = "ingress checks tokens of the pool and of its client."
  }

  assert {
    condition     = module.ingress["url"].reserved_concurrency == 50
    error_message = "Reserved concurrency is the throttle of a function URL."
  }
}

run "voters_have_codes" {
  command = plan

  # Terraform reads the public key after it has made the key.
  override_module {
    target = module.code_key
    outputs = {
      key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/codes"
      key_id     = "codes"
      public_key = "cHVibGlj"
    }
  }

  variables {
    api        = { throttling_rate_limit = 4000, vote_door = "http", kept_vote_doors = ["url"] }
    ingress    = { reserved_concurrency = 50 }
    voter_auth = { mode = "codes" }
  }

  assert {
    condition = [for name in ["CODE_KEY", "ISSUER", "POLLS_TABLE", "AUDIENCES"] : module.ingress["http"].environment_variables["VOTESTREAM_${name}"]] == [
      "codes:cHVibGlj", "votestream/votestream/test", "votestream-test-polls", ""
    ]
    error_message = "ingress must get the public key for codes from Terraform."
  }

  assert {
    condition = alltrue([
      for door in ["http", "url"] : jsonencode([for statement in jsondecode(module.ingress[door].execution_policy_json).Statement : [statement.Action, statement.Condition] if statement.Sid == "ReadBatchesOfCodes"]) == jsonencode([[
        ["dynamodb:GetItem"], { "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["code_batches", "poll_id"] }, StringEqualsIfExists = { "dynamodb:Select" = ["SPECIFIC_ATTRIBUTES"] } }
      ]])
    ])
    error_message = "ingress may read a poll's batches of codes, and nothing else of it."
  }

  assert {
    condition     = !strcontains(jsonencode([module.ingress["http"].execution_policy_json, module.results_api.execution_policy_json, module.tally_function.execution_policy_json]), "kms:Sign")
    error_message = "No function may sign codes."
  }

  assert {
    condition = jsonencode({
      for name, value in jsondecode(aws_ssm_parameter.deployment.value) : name => value if startswith(name, "code_")
    }) == jsonencode({ code_issuer = "votestream/votestream/test", code_signing_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/codes" })
    error_message = "votectl codes finds the key and the issuer in the deployment parameter."
  }
}

run "no_codes_key_by_default" {
  command = plan

  assert {
    condition     = length(module.code_key) == 0 && !can(jsondecode(aws_ssm_parameter.deployment.value).code_issuer)
    error_message = "The key costs $1 a month, so there must be none by default."
  }
}

run "voters_sign_in_at_another_issuer" {
  command = plan

  variables {
    api        = { throttling_rate_limit = 4000, vote_door = "url" }
    ingress    = { reserved_concurrency = 50 }
    voter_auth = { mode = "oidc", issuer = "https://login.example.org", audiences = ["pages", "app"], voter_claim = "member" }
    web        = {}
  }

  assert {
    condition = [for name in ["AUDIENCES", "ISSUER", "VOTER_CLAIM", "CODE_KEY", "POLLS_TABLE"] : module.ingress["url"].environment_variables["VOTESTREAM_${name}"]] == [
      "pages app", "https://login.example.org", "member", "", ""
    ]
    error_message = "ingress checks tokens of that issuer, for these audiences, and takes the voter from this claim."
  }

  assert {
    condition     = jsonencode({ for name, value in local.web_identity : name => value if value != null }) == jsonencode({ mode = "oidc", authority = "https://login.example.org", client_id = "pages", scope = "openid", token = "id", voter_claim = "member" })
    error_message = "The pages sign voters in as the first audience, and send its ID token."
  }
}

run "rejects_codes_at_the_rest_api" {
  command = plan

  variables {
    voter_auth = { mode = "codes" }
  }

  expect_failures = [var.voter_auth]
}

run "rejects_another_issuers_tokens_at_the_rest_api" {
  command = plan

  variables {
    voter_auth = { mode = "oidc", issuer = "https://login.example.org", audiences = ["pages"] }
  }

  expect_failures = [var.voter_auth]
}

run "rejects_an_issuer_without_oidc" {
  command = plan

  variables {
    api        = { throttling_rate_limit = 4000, vote_door = "http" }
    voter_auth = { mode = "cognito", issuer = "https://login.example.org" }
  }

  expect_failures = [var.voter_auth]
}

run "rejects_a_claim_with_a_blank" {
  command = plan

  variables {
    api        = { throttling_rate_limit = 4000, vote_door = "http" }
    voter_auth = { mode = "oidc", issuer = "https://login.example.org", audiences = ["pages"], voter_claim = "the name" }
  }

  expect_failures = [var.voter_auth]
}

run "rejects_batches_with_codes" {
  command = plan

  variables {
    api        = { throttling_rate_limit = 3000, vote_door = "http", batch_enabled = true }
    voter_auth = { mode = "codes" }
  }

  expect_failures = [var.voter_auth]
}

run "an_old_door_stays_open" {
  command = plan

  variables {
    api     = { throttling_rate_limit = 4000, vote_door = "url", kept_vote_doors = ["http"] }
    ingress = { reserved_concurrency = 50 }
  }

  assert {
    condition     = toset(keys(module.door)) == toset(["http", "url"]) && output.votes_url == module.door["url"].votes_url
    error_message = "Clients that know the old address can still vote there."
  }
}
