# The wiring: each function's environment and permissions, and the deployment parameter. Every table and bucket has its
# own ARN here, so that a crossed wire fails. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan

  override_resource {
    target = module.stream.aws_kinesis_stream.this
    values = { arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes" }
  }

  override_resource {
    target = module.polls_table.aws_dynamodb_table.this
    values = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-polls" }
  }

  override_resource {
    target = module.votes_table.aws_dynamodb_table.this
    values = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes" }
  }

  override_resource {
    target = module.tallies_table.aws_dynamodb_table.this
    values = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-tallies" }
  }

  override_resource {
    target = module.vote_aggregator.aws_lambda_event_source_mapping.this
    values = { uuid = "aggregator-mapping" }
  }

  override_resource {
    target = module.vote_writer.aws_lambda_event_source_mapping.this
    values = {
      arn  = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:writer-mapping"
      uuid = "writer-mapping"
    }
  }

  override_resource {
    target = module.vote_writer.aws_s3_bucket.failures
    values = { arn = "arn:aws:s3:::writer-failures" }
  }

  override_resource {
    target = module.vote_aggregator.aws_s3_bucket.failures
    values = { arn = "arn:aws:s3:::aggregator-failures" }
  }

  override_resource {
    target = module.results_api.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:results" }
  }

  override_resource {
    target = module.results_api.aws_lambda_function.this
    values = { invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/results" }
  }

  override_resource {
    target = module.vote_writer.module.function.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:writer" }
  }

  override_resource {
    target = module.vote_aggregator.module.function.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:aggregator" }
  }

  override_resource {
    target = module.tally_function.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:tally" }
  }
}

mock_provider "aws" {
  alias           = "us_east_1"
  source          = "./tests/mocks"
  override_during = plan
}

run "each_function_gets_exactly_its_settings_and_permissions" {
  command = plan

  # The writer's settings are the careful ones of the published sample that this system descends from. tests/contract
  # checks the policies, alarms and dashboard of this plan against the documentation of AWS and of the functions.
  variables {
    log_level           = "WARNING"
    poll_cache_seconds  = 7
    results_pack        = { openings = true }
    stream              = { shard_count = 4, retention_hours = 48 }
    tally               = { count_concurrency = 12, metrics_lag_seconds = 90, recount_seconds = 60, settle_seconds = 9, publish_pack = { object_lock = { days = 30, mode = "COMPLIANCE" } } }
    unique_count        = { refresh_seconds = 45 }
    vote_aggregator     = { batch_size = 10000, batching_window_seconds = 2, enhanced_fan_out = true }
    vote_retention_days = 30
    vote_writer         = { batch_size = 10, batching_window_seconds = 0, enhanced_fan_out = true, parallelization_factor = 4, write_concurrency = 8 }
    votes_table         = { billing_mode = "PROVISIONED", read_units = 1000, write_units = 10000 }
  }

  override_resource {
    target          = module.unique_counter[0].aws_cloudwatch_log_group.this
    override_during = plan
    values          = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:unique" }
  }

  override_resource {
    target          = module.pack_signing_key[0].aws_kms_key.this
    override_during = plan
    values          = { arn = "arn:aws:kms:eu-west-1:111122223333:key/signing" }
  }

  assert {
    condition = module.vote_writer.environment_variables == tomap({
      VOTESTREAM_ENVIRONMENT           = "test"
      VOTESTREAM_LOG_LEVEL             = "WARNING"
      VOTESTREAM_MAX_WRITES_PER_SECOND = "0"
      VOTESTREAM_POLL_CACHE_SECONDS    = "7"
      VOTESTREAM_POLLS_TABLE           = "votestream-test-polls"
      VOTESTREAM_TALLIES_TABLE         = "votestream-test-tallies"
      VOTESTREAM_VOTE_RETENTION_DAYS   = "30"
      VOTESTREAM_VOTES_TABLE           = "votestream-test-votes"
      VOTESTREAM_WRITE_CONCURRENCY     = "8"
    })
    error_message = "The function must get exactly the variables that it reads."
  }

  assert {
    condition = module.tally_function.environment_variables == tomap({
      VOTESTREAM_COUNT_CONCURRENCY     = "12"
      VOTESTREAM_ENVIRONMENT           = "test"
      VOTESTREAM_LOG_LEVEL             = "WARNING"
      VOTESTREAM_METRICS_LAG_SECONDS   = "90"
      VOTESTREAM_POLLS_TABLE           = "votestream-test-polls"
      VOTESTREAM_RECOUNT_SECONDS       = "60"
      VOTESTREAM_SETTLE_SECONDS        = "9"
      VOTESTREAM_STREAM                = "votestream-test-votes"
      VOTESTREAM_TALLIES_TABLE         = "votestream-test-tallies"
      VOTESTREAM_VOTES_TABLE           = "votestream-test-votes"
      VOTESTREAM_WRITER_FAILURE_BUCKET = "votestream-test-vote-writer-failures-111122223333"
      VOTESTREAM_WRITER_FUNCTION       = "votestream-test-vote-writer"
      VOTESTREAM_WRITER_LANES          = "4"
      VOTESTREAM_WRITER_MAPPING        = "writer-mapping"
    })
    error_message = "The function must get exactly the variables that it reads. With too few lanes, a marker would miss one."
  }

  assert {
    condition = module.results_api.environment_variables == tomap({
      VOTESTREAM_ENVIRONMENT         = "test"
      VOTESTREAM_LOG_LEVEL           = "WARNING"
      VOTESTREAM_OPENINGS_KEY        = "arn:aws:kms:eu-west-1:111122223333:key/mocked"
      VOTESTREAM_POLLS_TABLE         = "votestream-test-polls"
      VOTESTREAM_TALLIES_TABLE       = "votestream-test-tallies"
      VOTESTREAM_VOTE_RETENTION_DAYS = "30"
      VOTESTREAM_VOTER_AUTH          = "iam"
      VOTESTREAM_VOTES_TABLE         = "votestream-test-votes"
    })
    error_message = "The function must get exactly the variables that it reads."
  }

  assert {
    condition = module.unique_counter[0].environment_variables == tomap({
      VOTESTREAM_ENVIRONMENT          = "test"
      VOTESTREAM_LOG_LEVEL            = "WARNING"
      VOTESTREAM_MAX_READS_PER_SECOND = "50"
      VOTESTREAM_POLLS_TABLE          = "votestream-test-polls"
      VOTESTREAM_REFRESH_SECONDS      = "45"
      VOTESTREAM_SCHEDULE_GROUP       = "votestream-test-unique-counts"
      VOTESTREAM_TALLIES_TABLE        = "votestream-test-tallies"
      VOTESTREAM_VOTES_TABLE          = "votestream-test-votes"
    })
    error_message = "The function must get exactly the variables that it reads."
  }

  assert {
    condition = { for statement in jsondecode(module.unique_counter[0].execution_policy_json).Statement : statement.Sid => jsonencode([statement.Action, statement.Resource]) } == {
      WriteLog     = jsonencode([["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:eu-west-1:111122223333:log-group:unique:*"]])
      CountVotes   = jsonencode([["dynamodb:Query"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]])
      EndSchedules = jsonencode([["scheduler:DeleteSchedule"], ["arn:aws:scheduler:eu-west-1:111122223333:schedule/votestream-test-unique-counts/*"]])
      KeepCounts   = jsonencode([["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-tallies"]])
      ReadPolls    = jsonencode([["dynamodb:BatchGetItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-polls"]])
    }
    error_message = "The counter may read votes and never write one."
  }

  assert {
    condition     = [jsondecode(aws_ssm_parameter.deployment.value).unique_count_function_arn, jsondecode(aws_ssm_parameter.deployment.value).unique_count_schedule_group, jsondecode(aws_ssm_parameter.deployment.value).unique_count_schedule_role_arn] == ["arn:aws:lambda:eu-west-1:111122223333:function:mocked", "votestream-test-unique-counts", "arn:aws:iam::111122223333:role/mocked"]
    error_message = "votectl creates each poll's schedule with these values."
  }

  assert {
    condition = { for name, value in module.results_pack_function[0].environment_variables : name => value if strcontains(name, "PACK_") } == {
      VOTESTREAM_PACK_BUCKET      = module.results_pack[0].bucket_name
      VOTESTREAM_PACK_KEY         = "arn:aws:kms:eu-west-1:111122223333:key/mocked"
      VOTESTREAM_PACK_LOCK_DAYS   = "30"
      VOTESTREAM_PACK_LOCK_MODE   = "COMPLIANCE"
      VOTESTREAM_PACK_SIGNING_KEY = "arn:aws:kms:eu-west-1:111122223333:key/signing"
    }
    error_message = "One key encrypts polls' keys, the other signs."
  }

  assert {
    condition = { for statement in jsondecode(module.results_pack_function[0].execution_policy_json).Statement : statement.Sid => join(" ", concat(flatten([statement.Action]), statement.Resource)) if contains(["Sign", "MakePollKeys", "LockPacks"], statement.Sid) } == {
      LockPacks    = "s3:PutObjectRetention ${module.results_pack[0].bucket_arn}/packs/*"
      MakePollKeys = "kms:Decrypt kms:GenerateDataKey arn:aws:kms:eu-west-1:111122223333:key/mocked"
      Sign         = "kms:GetPublicKey kms:Sign arn:aws:kms:eu-west-1:111122223333:key/signing"
    }
    error_message = "It may create keys of polls with one key, sign with the other, and lock packs only."
  }

  assert {
    condition     = { for statement in jsondecode(module.results_api.execution_policy_json).Statement : statement.Sid => join(" ", concat(flatten([statement.Action]), statement.Resource)) if statement.Sid == "ReadPollKeys" } == { ReadPollKeys = "kms:Decrypt arn:aws:kms:eu-west-1:111122223333:key/mocked" }
    error_message = "The results API may read keys, and may not create one."
  }

  assert {
    condition     = [for statement in jsondecode(module.results_api.execution_policy_json).Statement : statement.Condition["ForAllValues:StringEquals"] if statement.Sid == "ReadVersions"] == [{ "dynamodb:Attributes" = ["poll_bucket", "voter", "version"] }]
    error_message = "An opening must not need the choice."
  }

  assert {
    condition     = [jsondecode(aws_ssm_parameter.deployment.value).pack_key_arn, jsondecode(aws_ssm_parameter.deployment.value).pack_signing_key_arn] == ["arn:aws:kms:eu-west-1:111122223333:key/mocked", "arn:aws:kms:eu-west-1:111122223333:key/signing"]
    error_message = "votectl export finds both keys in the deployment's parameter."
  }
}

run "a_deployment_with_no_option_set" {
  command = plan

  assert {
    condition     = local.permissions_boundary_arn == null
    error_message = "By default, roles must have no permissions boundary."
  }

  assert {
    condition = module.vote_aggregator.environment_variables == tomap({
      VOTESTREAM_ENVIRONMENT        = "test"
      VOTESTREAM_LOG_LEVEL          = "INFO"
      VOTESTREAM_POLL_CACHE_SECONDS = "5"
      VOTESTREAM_POLLS_TABLE        = "votestream-test-polls"
      VOTESTREAM_TALLIES_TABLE      = "votestream-test-tallies"
    })
    error_message = "The function must get exactly the variables that it reads."
  }

  assert {
    condition = { for statement in jsondecode(module.vote_writer.execution_policy_json).Statement : statement.Sid => jsonencode([statement.Action, statement.Resource]) } == {
      ReadStream        = jsonencode([["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"], ["arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"]])
      WriteLog          = jsonencode([["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:eu-west-1:111122223333:log-group:writer:*"]])
      FindFailureBucket = jsonencode([["s3:ListBucket"], ["arn:aws:s3:::writer-failures"]])
      KeepFailedBatches = jsonencode([["s3:PutObject"], ["arn:aws:s3:::writer-failures/*"]])
      PassMarkers       = jsonencode([["dynamodb:UpdateItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-tallies"]])
      ReadPolls         = jsonencode([["dynamodb:BatchGetItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-polls"]])
      StoreVotes        = jsonencode([["dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]])
    }
    error_message = "The writer reads the stream and polls, and writes votes, the markers that it passes, its log and its own failure bucket."
  }

  assert {
    condition = { for statement in jsondecode(module.vote_aggregator.execution_policy_json).Statement : statement.Sid => jsonencode([statement.Action, statement.Resource]) } == {
      ReadStream        = jsonencode([["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"], ["arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"]])
      WriteLog          = jsonencode([["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:eu-west-1:111122223333:log-group:aggregator:*"]])
      FindFailureBucket = jsonencode([["s3:ListBucket"], ["arn:aws:s3:::aggregator-failures"]])
      KeepFailedBatches = jsonencode([["s3:PutObject"], ["arn:aws:s3:::aggregator-failures/*"]])
      CountVotes        = jsonencode([["dynamodb:UpdateItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-tallies"]])
      ReadPolls         = jsonencode([["dynamodb:BatchGetItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-polls"]])
    }
    error_message = "The aggregator reads the stream and polls, and writes tallies, its log and its own failure bucket: it never sees the votes table."
  }

  assert {
    condition = { for statement in jsondecode(module.tally_function.execution_policy_json).Statement : statement.Sid => jsonencode([statement.Action, statement.Resource]) } == {
      WriteLog          = jsonencode([["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:eu-west-1:111122223333:log-group:tally:*"]])
      CountVotes        = jsonencode([["dynamodb:Query"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"]])
      CountLosses       = jsonencode([["cloudwatch:GetMetricData"], ["*"]])
      FindFailedBatches = jsonencode([["s3:ListBucket"], ["arn:aws:s3:::writer-failures"]])
      KeepResults       = jsonencode([["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-tallies"]])
      PutMarkers        = jsonencode([["kinesis:ListShards", "kinesis:PutRecords"], ["arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"]])
      ReadMapping       = jsonencode([["lambda:GetEventSourceMapping"], ["arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:writer-mapping"]])
      ReadPolls         = jsonencode([["dynamodb:BatchGetItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-polls"]])
    }
    error_message = "The tally reads votes and never writes one; of the stream it may list the shards and put records."
  }

  assert {
    condition = { for statement in jsondecode(module.results_api.execution_policy_json).Statement : statement.Sid => jsonencode([statement.Action, statement.Resource, try(statement.Condition, null)]) } == {
      WriteLog    = jsonencode([["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:eu-west-1:111122223333:log-group:results:*"], null])
      ReadPolls   = jsonencode([["dynamodb:BatchGetItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-polls"], null])
      ReadTallies = jsonencode([["dynamodb:GetItem", "dynamodb:Query"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-tallies"], null])
      ReadVersions = jsonencode([["dynamodb:GetItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes"], {
        "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["poll_bucket", "voter", "version"] }
        "StringEqualsIfExists"      = { "dynamodb:Select" = ["SPECIFIC_ATTRIBUTES"] }
      }])
    }
    error_message = "The results API may write its log only, and may read only the version of a vote."
  }

  assert {
    condition     = module.api.back_end_policy_arn != null && length(module.voters) == 0 && length(module.firewall) == 0 && output.voter_pool == null
    error_message = "By default a vote needs a signed request."
  }

  assert {
    condition     = output.results_url == "https://abcdef1234.execute-api.eu-west-1.amazonaws.com/v1" && length(module.cdn) == 0
    error_message = "Without results_api.cdn_enabled there must be no CloudFront."
  }

  assert {
    condition     = aws_ssm_parameter.deployment.name == "/votestream/test/deployment" && output.deployment_parameter_name == "/votestream/test/deployment"
    error_message = "The parameter's name must be project and environment, which people know."
  }

  assert {
    condition = jsondecode(aws_ssm_parameter.deployment.value) == {
      environment                    = "test"
      region                         = "eu-west-1"
      api_id                         = "abcdef1234"
      api_stage                      = "v1"
      api_url                        = "https://abcdef1234.execute-api.eu-west-1.amazonaws.com/v1"
      api_key_ids                    = {}
      stream_name                    = "votestream-test-votes"
      polls_table                    = "votestream-test-polls"
      votes_table                    = "votestream-test-votes"
      tallies_table                  = "votestream-test-tallies"
      vote_writer_function           = "votestream-test-vote-writer"
      vote_aggregator_function       = "votestream-test-vote-aggregator"
      vote_writer_failure_bucket     = "votestream-test-vote-writer-failures-111122223333"
      vote_aggregator_failure_bucket = "votestream-test-vote-aggregator-failures-111122223333"
      poll_cache_seconds             = 5
      tally_state_machine_arn        = "arn:aws:states:eu-west-1:111122223333:stateMachine:mocked"
      tally_schedule_group           = "votestream-test-closings"
      tally_schedule_role_arn        = "arn:aws:iam::111122223333:role/mocked"
      vote_retention_days            = 0
      voter_auth                     = "iam"
      vote_door                      = "rest"
      votes_url                      = "https://abcdef1234.execute-api.eu-west-1.amazonaws.com/v1"
      votes_urls                     = {}
    }
    error_message = "Tools read exactly these keys."
  }

  assert {
    condition     = length(module.results_pack) == 0 && !can(jsondecode(aws_ssm_parameter.deployment.value).pack_key_arn)
    error_message = "Each key costs $1 a month, so there must be none by default."
  }

  assert {
    condition     = length(module.unique_counter) == 0 && length(module.unique_count) == 0 && !can(jsondecode(aws_ssm_parameter.deployment.value).unique_count_function_arn)
    error_message = "Each refresh reads all stored votes, so the count must be off by default."
  }

  assert {
    condition     = output.votes_url == output.api_url && length(module.door) == 0 && length(module.ingress) == 0
    error_message = "Without vote_door votes must go to the REST API, without a function."
  }

  assert {
    condition     = length(module.code_key) == 0 && !can(jsondecode(aws_ssm_parameter.deployment.value).code_issuer)
    error_message = "The key costs $1 a month, so there must be none by default."
  }

  assert {
    condition     = length(module.encryption_key) == 0 && !strcontains(join("", [module.vote_writer.execution_policy_json, module.vote_aggregator.execution_policy_json, module.tally_function.execution_policy_json, module.results_api.execution_policy_json]), "kms:")
    error_message = "The services' own keys cost nothing and need no permission."
  }

  assert {
    condition     = local.alarms_kms_key == null
    error_message = "CloudWatch may not use SNS' own key."
  }

  assert {
    condition     = !anytrue([for name in keys(module.observability.alarm_names) : startswith(name, "unique-count")])
    error_message = "An alarm for a missing function would only cost money."
  }

  assert {
    condition     = length(module.observability.alarm_names) > 0 && output.dashboard_name == "votestream-test" && output.alarm_topic_arn == "arn:aws:sns:eu-west-1:111122223333:mocked"
    error_message = "Alarms must be on by default."
  }
}

run "pages_votes_and_results_share_one_address" {
  command = plan

  variables {
    firewall            = { requests_per_client = 100, forwarded_ip_header = "X-Forwarded-For" }
    results_api         = { cdn_enabled = true, cdn_domain = { certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0", names = ["vote.example.org"] } }
    voter_auth          = { mode = "cognito", callback_urls = ["https://vote.example.org/"] }
    web                 = { title = "Friday Night Live" }
    deletion_protection = true
  }

  override_resource {
    target          = module.cdn[0].aws_cloudfront_distribution.this
    override_during = plan
    values          = { arn = "arn:aws:cloudfront::111122223333:distribution/E1", domain_name = "d111111abcdef8.cloudfront.net" }
  }

  override_resource {
    target          = module.voters[0].aws_cognito_user_pool.this
    override_during = plan
    values          = { arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_made", id = "eu-west-1_made" }
  }

  assert {
    condition     = output.pages.url == "https://vote.example.org" && output.results_url == "https://vote.example.org" && output.cdn_target == "d111111abcdef8.cloudfront.net"
    error_message = "Pages, votes and results must share the first name."
  }

  assert {
    condition     = jsondecode(aws_ssm_parameter.deployment.value).pages_url == "https://vote.example.org" && jsondecode(aws_ssm_parameter.deployment.value).pages_bucket == output.pages.bucket
    error_message = "Tools print links to the pages, and publish them."
  }

  assert {
    condition     = strcontains(module.web[0].security_policy, "connect-src 'self' https://cognito-idp.eu-west-1.amazonaws.com https://votestream-test-111122223333.auth.eu-west-1.amazoncognito.com;")
    error_message = "The pages may ask the pool, and its sign-in host, for tokens."
  }

  assert {
    condition     = length(module.edge_firewall) == 1 && length(module.firewall) == 1
    error_message = "Votes are counted where they come in: at CloudFront, and at the API that stays open beside it."
  }

  assert {
    condition     = local.user_pool_arn == "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_made" && output.voter_pool.id == "eu-west-1_made"
    error_message = "The front door must trust this pool's tokens, and outputs must say where to sign in."
  }

  assert {
    condition     = module.results_api.environment_variables["VOTESTREAM_VOTER_AUTH"] == "cognito"
    error_message = "Receipts take the voter from the token, as votes do."
  }
}

run "votes_go_to_the_function_url_and_an_old_door_stays_open" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 4000, vote_door = "url", kept_vote_doors = ["http"] }
    ingress         = { reserved_concurrency = 50 }
    results_api     = { cdn_enabled = true }
    vote_aggregator = { reserved_concurrency = 4 }
    vote_writer     = { reserved_concurrency = 4 }
    voter_auth      = { mode = "cognito" }
  }

  override_resource {
    target          = module.cdn[0].aws_cloudfront_distribution.this
    override_during = plan
    values          = { domain_name = "d111111abcdef8.cloudfront.net" }
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

  assert {
    condition     = toset(keys(module.door)) == toset(["http", "url"]) && output.votes_url == module.door["url"].votes_url
    error_message = "Clients that know the old address can still vote there."
  }

  assert {
    condition     = output.results_url == "https://d111111abcdef8.cloudfront.net"
    error_message = "With the CDN on, viewers are sent there."
  }
}

run "votes_go_to_the_http_api_with_your_own_pool_and_key" {
  command = plan

  # The settings of both consumers are the fast ones of the published sample.
  variables {
    api             = { throttling_rate_limit = 3000, vote_door = "http", batch_enabled = true }
    encryption      = { kms_key_arn = "arn:aws:kms:eu-west-1:444455556666:key/theirs" }
    vote_aggregator = { batch_size = 10000, batching_window_seconds = 5, enhanced_fan_out = true, reserved_concurrency = 4 }
    vote_writer     = { batch_size = 25, batching_window_seconds = 1, enhanced_fan_out = true, reserved_concurrency = 4, write_share = 0.8 }
    voter_auth      = { mode = "cognito", user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters", client_ids = ["app", "pages"] }
    votes_table     = { billing_mode = "PROVISIONED", read_units = 100, write_units = 18000 }
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
      VOTESTREAM_AUDIENCES     = "app pages"
      VOTESTREAM_BATCH_ENABLED = "true"
      VOTESTREAM_CODE_KEY      = ""
      VOTESTREAM_ISSUER        = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_voters"
      VOTESTREAM_POLLS_TABLE   = ""
      VOTESTREAM_STREAM        = "votestream-test-votes"
      VOTESTREAM_TOKEN_SCOPES  = ""
      VOTESTREAM_VOTE_DOOR     = "http"
      VOTESTREAM_VOTER_AUTH    = "cognito"
      VOTESTREAM_VOTER_CLAIM   = ""
    })
    error_message = "ingress must get exactly its settings."
  }

  assert {
    condition     = [for statement in jsondecode(module.ingress["http"].execution_policy_json).Statement : statement.Action if statement.Sid == "PutVotes"] == [["kinesis:PutRecord", "kinesis:PutRecords"]]
    error_message = "ingress may only put records into the stream."
  }

  assert {
    condition     = length(module.encryption_key) == 0 && strcontains(module.results_api.execution_policy_json, "arn:aws:kms:eu-west-1:444455556666:key/theirs")
    error_message = "With an existing key, Terraform must create none."
  }

  assert {
    condition     = local.alarms_kms_key == null
    error_message = "Alarms must not use an existing key: if its policy does not admit CloudWatch, alarms reach nobody."
  }

  assert {
    condition     = module.vote_writer.environment_variables["VOTESTREAM_MAX_WRITES_PER_SECOND"] == "3600"
    error_message = "18,000 units x 0.8 over 4 shards are 3,600 writes/s for each lane."
  }

  assert {
    condition     = local.user_pool_arn == "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters" && length(module.voters) == 0
    error_message = "With your own pool, Terraform must create none."
  }
}

run "voters_have_codes_and_data_has_its_own_key" {
  command = plan

  variables {
    api             = { throttling_rate_limit = 4000, vote_door = "http", kept_vote_doors = ["url"] }
    encryption      = { customer_managed_key = true }
    ingress         = { reserved_concurrency = 50 }
    vote_aggregator = { reserved_concurrency = 4 }
    vote_writer     = { reserved_concurrency = 4 }
    voter_auth      = { mode = "codes" }
  }

  # Terraform reads the public key after it has made the key.
  override_module {
    target = module.code_key
    outputs = {
      key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/codes"
      key_id     = "codes"
      public_key = "cHVibGlj"
    }
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

  assert {
    condition = {
      for name, policy in { vote_writer = module.vote_writer.execution_policy_json, vote_aggregator = module.vote_aggregator.execution_policy_json, tally = module.tally_function.execution_policy_json, results_api = module.results_api.execution_policy_json } :
      name => { for statement in jsondecode(policy).Statement : trimprefix(statement.Sid, "UseKeyThrough") => statement.Action if startswith(statement.Sid, "UseKey") && statement.Resource == ["arn:aws:kms:eu-west-1:111122223333:key/mocked"] }
      } == {
      vote_writer     = { Dynamodb = ["kms:Decrypt"], Kinesis = ["kms:Decrypt"], S3 = ["kms:GenerateDataKey"] }
      vote_aggregator = { Dynamodb = ["kms:Decrypt"], Kinesis = ["kms:Decrypt"], S3 = ["kms:GenerateDataKey"] }
      tally           = { Dynamodb = ["kms:Decrypt"], Kinesis = ["kms:GenerateDataKey"] }
      results_api     = { Dynamodb = ["kms:Decrypt"] }
    }
    error_message = "Users of a table and readers of the stream must decrypt, and writers of records must encrypt."
  }

  assert {
    condition     = local.alarms_kms_key == { arn = "arn:aws:kms:eu-west-1:111122223333:key/mocked" }
    error_message = "Alarms must use the key whose policy admits CloudWatch."
  }
}

run "another_environment_has_its_own_issuer_and_every_feature_at_its_least" {
  command = plan

  variables {
    api                  = { throttling_rate_limit = 4000, vote_door = "url" }
    environment          = "other"
    ingress              = { reserved_concurrency = 50 }
    observability        = { alarms_enabled = false }
    permissions_boundary = true
    results_pack         = {}
    vote_aggregator      = { reserved_concurrency = 4 }
    vote_writer          = { reserved_concurrency = 4 }
    voter_auth           = { mode = "oidc", issuer = "https://login.example.org", audiences = ["pages", "app"], voter_claim = "member" }
    web                  = {}
  }

  assert {
    condition = alltrue([
      for name in concat(values(output.table_names), values(output.function_names), values(output.failure_bucket_names), [output.stream_name, output.deployment_parameter_name]) : strcontains(name, "other")
    ])
    error_message = "Every name must carry the environment, so that an account can hold two."
  }

  assert {
    condition     = length(module.results_pack_function) == 0 && module.results_pack[0].bucket_name == null
    error_message = "Keys alone publish nothing."
  }

  assert {
    condition     = module.results_api.environment_variables["VOTESTREAM_OPENINGS_KEY"] == "" && length([for statement in jsondecode(module.results_api.execution_policy_json).Statement : statement if statement.Sid == "ReadPollKeys"]) == 0
    error_message = "The results API may use no key of results packs."
  }

  assert {
    condition     = output.pages.url == null && length(module.cdn) == 0 && length(module.edge_firewall) == 0
    error_message = "Without results_api.cdn_enabled there must be a bucket with settings, and no CloudFront."
  }

  assert {
    condition     = local.permissions_boundary_arn == "arn:aws:iam::111122223333:policy/pipeline/${local.name_prefix}-boundary"
    error_message = "Roles must be held within the policy that bootstrap/ makes for this environment."
  }

  assert {
    condition     = length(module.observability.alarm_names) == 0 && output.alarm_topic_arn == null
    error_message = "Alarms can be switched off if nobody is on call."
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
