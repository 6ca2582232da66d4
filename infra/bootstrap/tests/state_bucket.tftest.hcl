# The bucket of the state is kept and private, and keeps overwritten versions. The provider is mocked. An imported
# resource has to be overridden, because a mock knows no existing resources.
mock_provider "aws" {
  source          = "../tests/mocks"
  override_during = plan
}

override_resource {
  target = aws_s3_bucket.state
  values = {
    id  = "tfstate-votestream-dev-111122223333"
    arn = "arn:aws:s3:::tfstate-votestream-dev-111122223333"
  }
}

run "the_state_is_kept_private_and_no_role_exists_without_a_repository" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "An overwritten state must still be readable as an older version."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.state.rule[0].noncurrent_version_expiration[0].newer_noncurrent_versions == 10
    error_message = "The newest versions must stay, however old they are."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.state.block_public_acls && aws_s3_bucket_public_access_block.state.block_public_policy && aws_s3_bucket_public_access_block.state.ignore_public_acls && aws_s3_bucket_public_access_block.state.restrict_public_buckets
    error_message = "No setting may make the state public."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "The state must be encrypted."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.state.policy).Statement == [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = ["arn:aws:s3:::tfstate-votestream-dev-111122223333", "arn:aws:s3:::tfstate-votestream-dev-111122223333/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "The state must not travel unencrypted."
  }

  assert {
    condition     = length(aws_iam_role.pipeline) == 0 && length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_policy.pipeline) == 0
    error_message = "People who deploy by hand need no role, so there must be none."
  }

  assert {
    condition     = aws_iam_policy.boundary.name == "votestream-dev-boundary" && aws_iam_policy.boundary.path == "/pipeline/"
    error_message = "The boundary also exists for people who deploy by hand, under the name that the root module expects."
  }
}

# For every rule: a value that just passes, and one that just fails.

run "accepts_what_make_bootstrap_passes" {
  command = plan

  variables {
    github_repository    = "some-body/votes.and_more-1"
    github_repository_id = "4711"
  }
}

run "rejects_an_environment_that_no_name_can_carry_and_an_invalid_repository" {
  command = plan

  variables {
    environment          = "Dev_1"
    github_repository_id = "somebody/votes"
    github_repository    = "somebody/*"
    zone_id              = "/hostedzone/Z0123456789ABC"
  }

  expect_failures = [var.environment, var.github_repository_id, var.github_repository, var.zone_id]
}

run "rejects_a_state_bucket_that_the_deploying_role_could_delete_and_a_repository_without_an_owner" {
  command = plan

  variables {
    state_bucket      = "votestream-dev-tfstate"
    github_repository = "votes"
  }

  expect_failures = [var.state_bucket, var.github_repository]
}
