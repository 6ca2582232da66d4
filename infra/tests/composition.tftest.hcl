# The wiring: each function's environment and permissions, and the deployment parameter. Every table and bucket has its
# own ARN here, so that a crossed wire fails. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "us_east_1"
  source          = "./tests/mocks"
  override_during = plan
}

override_resource {
  target          = module.stream.aws_kinesis_stream.this
  override_during = plan
  values          = { arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes" }
}

override_resource {
  target          = module.polls_table.aws_dynamodb_table.this
  override_during = plan
  values          = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-polls" }
}

override_resource {
  target          = module.votes_table.aws_dynamodb_table.this
  override_during = plan
  values          = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-votes" }
}

override_resource {
  target          = module.tallies_table.aws_dynamodb_table.this
  override_during = plan
  values          = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-test-tallies" }
}

override_resource {
  target          = module.vote_writer.aws_lambda_event_source_mapping.this
  override_during = plan
  values = {
    arn  = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:writer-mapping"
    uuid = "writer-mapping"
  }
}

override_resource {
  target          = module.vote_writer.aws_s3_bucket.failures
  override_during = plan
  values          = { arn = "arn:aws:s3:::writer-failures" }
}

override_resource {
  target          = module.vote_aggregator.aws_s3_bucket.failures
  override_during = plan
  values          = { arn = "arn:aws:s3:::aggregator-failures" }
}

override_resource {
  target          = module.results_api.aws_cloudwatch_log_group.this
  override_during = plan
  values          = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:results" }
}

override_resource {
  target          = module.results_api.aws_lambda_function.this
  override_during = plan
  values          = { invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/results" }
}

override_resource {
  target          = module.vote_writer.module.function.aws_cloudwatch_log_group.this
  override_during = plan
  values          = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:writer" }
}

override_resource {
  target          = module.vote_aggregator.module.function.aws_cloudwatch_log_group.this
  override_during = plan
  values          = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:aggregator" }
}

override_resource {
  target          = module.tally_function.aws_cloudwatch_log_group.this
  override_during = plan
  values          = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:tally" }
}

run "roles_have_the_boundary_that_bootstrap_creates" {
  command = plan

  variables {
    permissions_boundary = true
  }

  assert {
    condition     = local.permissions_boundary_arn == "arn:aws:iam::111122223333:policy/pipeline/${local.name_prefix}-boundary"
    error_message = "Roles must be held within the policy that bootstrap/ makes for this environment."
  }
}

run "a_deployment_with_no_option_set" {
  command = plan

  # No role has a permissions boundary.
  assert {
    condition     = local.permissions_boundary_arn == null
    error_message = "The local cloud has none, and needs none."
  }

  # The aggregator gets exactly its settings.
  assert {
    condition = module.vote_aggregator.environment_variables == tomap({
      VOTESTREAM_ENVIRONMENT        = "test"
      VOTESTREAM_LOG_LEVEL          = "INFO"
      VOTESTREAM_POLL_CACHE_SECONDS = "5"
      VOTESTREAM_POLLS_TABLE        = "votestream-test-polls"
      VOTESTREAM_TALLIES_TABLE      = "votestream-test-tallies"
    })
    error_message = "The function refuses to start with a variable missing or left over."
  }

  # The writer may read polls and store votes, and nothing else.
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

  # The aggregator may read polls and count, and nothing else.
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

  # The tally may put markers and count. It may not change a vote.
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

  # The results API may read, but no choice of a voter.
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

  # Only back ends with AWS credentials may vote.
  assert {
    condition     = module.api.back_end_policy_arn != null && length(module.voters) == 0 && length(module.firewall) == 0 && output.voter_pool == null
    error_message = "By default a vote needs a signed request."
  }

  # Viewers read from the API, without a CDN.
  assert {
    condition     = output.results_url == "https://abcdef1234.execute-api.eu-west-1.amazonaws.com/v1" && length(module.cdn) == 0
    error_message = "Without results_api.cdn_enabled there must be no CloudFront."
  }

  # Tools find the deployment by project and environment.
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

  # There are no keys for results packs.
  assert {
    condition     = length(module.results_pack) == 0 && !can(jsondecode(aws_ssm_parameter.deployment.value).pack_key_arn)
    error_message = "Each key costs $1 a month, so there must be none by default."
  }

  # Voters are not counted live.
  assert {
    condition     = length(module.unique_counter) == 0 && length(module.unique_count) == 0 && !can(jsondecode(aws_ssm_parameter.deployment.value).unique_count_function_arn)
    error_message = "Each refresh reads all stored votes, so the count must be off by default."
  }
}

run "writer_gets_exactly_its_settings" {
  command = plan

  variables {
    log_level           = "WARNING"
    poll_cache_seconds  = 7
    vote_retention_days = 30
    vote_writer         = { write_concurrency = 8 }
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
    error_message = "The function refuses to start with a variable missing or left over."
  }
}

run "pacing_gives_each_lane_its_part_of_the_share" {
  command = plan

  variables {
    stream      = { shard_count = 4 }
    votes_table = { billing_mode = "PROVISIONED", read_units = 100, write_units = 10000 }
    vote_writer = { write_share = 0.8, parallelization_factor = 2 }
  }

  assert {
    condition     = module.vote_writer.environment_variables["VOTESTREAM_MAX_WRITES_PER_SECOND"] == "1000"
    error_message = "10,000 units x 0.8 over 4 shards x 2 lanes are 1,000 writes/s for each lane."
  }
}

run "tally_gets_exactly_its_settings" {
  command = plan

  variables {
    tally       = { count_concurrency = 12, metrics_lag_seconds = 90, recount_seconds = 60, settle_seconds = 9 }
    vote_writer = { parallelization_factor = 4 }
  }

  assert {
    condition = module.tally_function.environment_variables == tomap({
      VOTESTREAM_COUNT_CONCURRENCY     = "12"
      VOTESTREAM_ENVIRONMENT           = "test"
      VOTESTREAM_LOG_LEVEL             = "INFO"
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
    error_message = "The function refuses to start with a variable missing or left over; with too few lanes a marker would miss one."
  }
}

run "results_api_gets_exactly_its_settings" {
  command = plan

  variables {
    vote_retention_days = 30
  }

  assert {
    condition = module.results_api.environment_variables == tomap({
      VOTESTREAM_ENVIRONMENT         = "test"
      VOTESTREAM_LOG_LEVEL           = "INFO"
      VOTESTREAM_OPENINGS_KEY        = ""
      VOTESTREAM_POLLS_TABLE         = "votestream-test-polls"
      VOTESTREAM_TALLIES_TABLE       = "votestream-test-tallies"
      VOTESTREAM_VOTE_RETENTION_DAYS = "30"
      VOTESTREAM_VOTER_AUTH          = "iam"
      VOTESTREAM_VOTES_TABLE         = "votestream-test-votes"
    })
    error_message = "The function refuses to start with a variable missing or left over."
  }
}

run "voters_sign_in_to_a_new_pool" {
  command = plan

  variables {
    deletion_protection = true
    voter_auth          = { mode = "cognito", callback_urls = ["https://vote.example.org/"] }
  }

  override_resource {
    target          = module.voters[0].aws_cognito_user_pool.this
    override_during = plan
    values          = { arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_made", id = "eu-west-1_made" }
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

run "voters_sign_in_to_a_pool_of_your_own" {
  command = plan

  variables {
    voter_auth = { mode = "cognito", user_pool_arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters" }
  }

  assert {
    condition     = local.user_pool_arn == "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_voters" && length(module.voters) == 0
    error_message = "With your own pool, Terraform must create none."
  }
}

run "a_cdn_stands_in_front_of_the_api" {
  command = plan

  variables {
    results_api = { cdn_enabled = true }
  }

  override_resource {
    target          = module.cdn[0].aws_cloudfront_distribution.this
    override_during = plan
    values          = { domain_name = "d111111abcdef8.cloudfront.net" }
  }

  assert {
    condition     = output.results_url == "https://d111111abcdef8.cloudfront.net"
    error_message = "With the CDN on, viewers are sent there."
  }
}

run "pages_votes_and_results_share_one_address" {
  command = plan

  variables {
    firewall    = { requests_per_client = 100, forwarded_ip_header = "X-Forwarded-For" }
    results_api = { cdn_enabled = true, cdn_domain = { certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0", names = ["vote.example.org"] } }
    voter_auth  = { mode = "cognito" }
    web         = { title = "Friday Night Live" }
  }

  override_resource {
    target          = module.cdn[0].aws_cloudfront_distribution.this
    override_during = plan
    values          = { arn = "arn:aws:cloudfront::111122223333:distribution/E1", domain_name = "d111111abcdef8.cloudfront.net" }
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
}

run "the_pages_may_have_another_cdn" {
  command = plan

  variables {
    web = {}
  }

  assert {
    condition     = output.pages.url == null && length(module.cdn) == 0 && length(module.edge_firewall) == 0
    error_message = "Without results_api.cdn_enabled there must be a bucket with settings, and no CloudFront."
  }
}

run "two_environments_share_no_name" {
  command = plan

  variables {
    environment = "other"
  }

  assert {
    condition = alltrue([
      for name in concat(values(output.table_names), values(output.function_names), values(output.failure_bucket_names), [output.stream_name, output.deployment_parameter_name]) : strcontains(name, "other")
    ])
    error_message = "Every name must carry the environment, so that an account can hold two."
  }
}

run "tools_find_the_keys_of_results_packs" {
  command = plan

  override_resource {
    target          = module.pack_signing_key[0].aws_kms_key.this
    override_during = plan
    values          = { arn = "arn:aws:kms:eu-west-1:111122223333:key/signing" }
  }

  variables {
    results_pack = {}
  }

  assert {
    condition     = [jsondecode(aws_ssm_parameter.deployment.value).pack_key_arn, jsondecode(aws_ssm_parameter.deployment.value).pack_signing_key_arn] == ["arn:aws:kms:eu-west-1:111122223333:key/mocked", "arn:aws:kms:eu-west-1:111122223333:key/signing"]
    error_message = "votectl export finds both keys in the deployment's parameter."
  }
}

run "unique_counter_gets_exactly_its_settings" {
  command = plan

  variables {
    unique_count = { refresh_seconds = 45 }
    votes_table  = { max_read_units = 1000 }
  }

  assert {
    condition = module.unique_counter[0].environment_variables == tomap({
      VOTESTREAM_ENVIRONMENT          = "test"
      VOTESTREAM_LOG_LEVEL            = "INFO"
      VOTESTREAM_MAX_READS_PER_SECOND = "50"
      VOTESTREAM_POLLS_TABLE          = "votestream-test-polls"
      VOTESTREAM_REFRESH_SECONDS      = "45"
      VOTESTREAM_SCHEDULE_GROUP       = "votestream-test-unique-counts"
      VOTESTREAM_TALLIES_TABLE        = "votestream-test-tallies"
      VOTESTREAM_VOTES_TABLE          = "votestream-test-votes"
    })
    error_message = "The function refuses to start with a variable missing or left over."
  }

  assert {
    condition     = local.unique_counter == [{ memory_mb = 512, timeout_seconds = 300 }]
    error_message = "At most five invocations may count the same poll."
  }
}

run "counting_voters_uses_a_quarter_of_a_provisioned_table" {
  command = plan

  variables {
    unique_count = {}
    votes_table  = { billing_mode = "PROVISIONED", read_units = 400, write_units = 100 }
  }

  assert {
    condition     = local.unique_reads_per_second == 20
    error_message = "Five invocations together use a quarter of the read units."
  }
}

run "counts_of_voters_with_no_option_set" {
  command = plan

  variables {
    unique_count = {}
  }

  # A table without a ceiling: the count leaves capacity in each partition.
  assert {
    condition     = local.unique_reads_per_second == 1000
    error_message = "The count must leave read units of a partition free, because votes are written to it at the same time."
  }

  # Tools find the function that counts voters.
  assert {
    condition     = [jsondecode(aws_ssm_parameter.deployment.value).unique_count_function_arn, jsondecode(aws_ssm_parameter.deployment.value).unique_count_schedule_group, jsondecode(aws_ssm_parameter.deployment.value).unique_count_schedule_role_arn] == ["arn:aws:lambda:eu-west-1:111122223333:function:mocked", "votestream-test-unique-counts", "arn:aws:iam::111122223333:role/mocked"]
    error_message = "votectl creates each poll's schedule with these values."
  }
}

run "unique_counter_may_read_votes_and_end_its_schedules_and_nothing_else" {
  command = plan

  variables {
    unique_count = {}
  }

  override_resource {
    target          = module.unique_counter[0].aws_cloudwatch_log_group.this
    override_during = plan
    values          = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:unique" }
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
}

run "the_function_for_packs_gets_exactly_its_settings_and_permissions" {
  command = plan

  override_resource {
    target          = module.pack_signing_key[0].aws_kms_key.this
    override_during = plan
    values          = { arn = "arn:aws:kms:eu-west-1:111122223333:key/signing" }
  }

  variables {
    results_pack = {}
    tally        = { publish_pack = { object_lock = { days = 30, mode = "COMPLIANCE" } } }
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
}

run "results_packs_with_no_option_set" {
  command = plan

  variables {
    results_pack = {}
  }

  # Packs are not published.
  assert {
    condition     = length(module.results_pack_function) == 0 && module.results_pack[0].bucket_name == null
    error_message = "Keys alone publish nothing."
  }

  # There are no openings.
  assert {
    condition     = module.results_api.environment_variables["VOTESTREAM_OPENINGS_KEY"] == "" && length([for statement in jsondecode(module.results_api.execution_policy_json).Statement : statement if statement.Sid == "ReadPollKeys"]) == 0
    error_message = "The results API may use no key of results packs."
  }
}

run "openings_read_a_polls_key_and_never_a_choice" {
  command = plan

  variables {
    results_pack = { openings = true }
    voter_auth   = { mode = "iam" }
  }

  assert {
    condition     = module.results_api.environment_variables["VOTESTREAM_OPENINGS_KEY"] == "arn:aws:kms:eu-west-1:111122223333:key/mocked"
    error_message = "The function learns which key polls' keys are encrypted with."
  }

  assert {
    condition     = { for statement in jsondecode(module.results_api.execution_policy_json).Statement : statement.Sid => join(" ", concat(flatten([statement.Action]), statement.Resource)) if statement.Sid == "ReadPollKeys" } == { ReadPollKeys = "kms:Decrypt arn:aws:kms:eu-west-1:111122223333:key/mocked" }
    error_message = "The results API may read keys, and may not create one."
  }

  assert {
    condition     = [for statement in jsondecode(module.results_api.execution_policy_json).Statement : statement.Condition["ForAllValues:StringEquals"] if statement.Sid == "ReadVersions"] == [{ "dynamodb:Attributes" = ["poll_bucket", "voter", "version"] }]
    error_message = "An opening must not need the choice."
  }
}
