# Where clients are sent to vote, and what each door needs. Nothing is created: the provider is mocked.
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
  environment        = "test"
  aws_region         = "eu-west-1"
  artifact_directory = "tests/fixtures/artifacts/arm64"
  stream             = { shard_count = 4 }
  api                = { throttling_rate_limit = 4000 }
  vote_aggregator    = { reserved_concurrency = 4 }
  vote_writer        = { reserved_concurrency = 4 }
}

run "votes_go_to_the_rest_api_by_default" {
  command = plan

  assert {
    condition     = output.votes_url == output.api_url && length(module.door) == 0 && length(module.ingress) == 0
    error_message = "Without vote_door votes go to the REST API, and no function is in their way."
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
      VOTESTREAM_BATCH_ENABLED = "true"
      VOTESTREAM_CLIENT_IDS    = ""
      VOTESTREAM_ISSUER        = ""
      VOTESTREAM_STREAM        = "votestream-test-votes"
      VOTESTREAM_TOKEN_SCOPES  = ""
      VOTESTREAM_VOTE_DOOR     = "http"
      VOTESTREAM_VOTER_AUTH    = "iam"
    })
    error_message = "ingress is told the stream, the door and who names the voter, and nothing else."
  }

  assert {
    condition     = [for statement in jsondecode(module.ingress["http"].execution_policy_json).Statement : statement.Action if statement.Sid == "PutVotes"] == [["kinesis:PutRecord", "kinesis:PutRecords"]]
    error_message = "ingress may put records into the stream and do nothing else with it."
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
    condition     = module.ingress["url"].environment_variables.VOTESTREAM_ISSUER == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_mocked" && module.ingress["url"].environment_variables.VOTESTREAM_CLIENT_IDS == "mockedclient"
    error_message = "ingress checks tokens of the pool and of its client."
  }

  assert {
    condition     = module.ingress["url"].reserved_concurrency == 50
    error_message = "Reserved concurrency is the throttle of a function URL."
  }
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
