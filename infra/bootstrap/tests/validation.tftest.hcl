# Validations that refuse bad values before anything is created.
mock_provider "aws" {
  source          = "../tests/mocks"
  override_during = plan
}

override_resource {
  target = aws_s3_bucket.state
  values = {
    arn = "arn:aws:s3:::tfstate-votestream-dev-111122223333"
  }
}

run "accepts_what_make_bootstrap_passes" {
  command = plan

  variables {
    github_repository    = "some-body/votes.and_more-1"
    github_repository_id = "4711"
  }
}

run "rejects_a_repository_that_could_be_several" {
  command = plan

  variables {
    github_repository = "somebody/*"
  }

  expect_failures = [var.github_repository]
}

run "rejects_a_repository_without_an_owner" {
  command = plan

  variables {
    github_repository = "votes"
  }

  expect_failures = [var.github_repository]
}

run "rejects_an_invalid_repository_number" {
  command = plan

  variables {
    github_repository_id = "somebody/votes"
  }

  expect_failures = [var.github_repository_id]
}

run "rejects_a_state_bucket_that_the_deploying_role_could_delete" {
  command = plan

  variables {
    state_bucket = "votestream-dev-tfstate"
  }

  expect_failures = [var.state_bucket]
}

run "rejects_an_environment_that_no_name_can_carry" {
  command = plan

  variables {
    environment = "Dev_1"
  }

  expect_failures = [var.environment]
}
