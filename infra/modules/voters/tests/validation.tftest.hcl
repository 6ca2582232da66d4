# For every rule: a value that just passes, and one that just fails.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  deletion_protection_enabled = false
}

run "accepts_the_shortest_token" {
  command = plan

  variables {
    settings = { token_validity_minutes = 5 }
  }
}

run "accepts_the_longest_token" {
  command = plan

  variables {
    settings = { token_validity_minutes = 1440 }
  }
}

run "rejects_a_token_of_4_minutes" {
  command = plan

  variables {
    settings = { token_validity_minutes = 4 }
  }

  expect_failures = [var.settings]
}

run "rejects_a_token_of_more_than_a_day" {
  command = plan

  variables {
    settings = { token_validity_minutes = 1441 }
  }

  expect_failures = [var.settings]
}

run "rejects_sending_codes_in_the_clear" {
  command = plan

  variables {
    settings = { callback_urls = ["http://vote.example.org/"] }
  }

  expect_failures = [var.settings]
}

run "rejects_a_host_that_only_begins_like_localhost" {
  command = plan

  variables {
    settings = { callback_urls = ["http://localhost.evil.example/"] }
  }

  expect_failures = [var.settings]
}

run "accepts_a_reserved_name_without_a_domain" {
  command = plan

  variables {
    name = "my-aws-votes"
  }
}

run "rejects_a_reserved_name_in_a_domain" {
  command = plan

  variables {
    name     = "my-aws-votes"
    settings = { callback_urls = ["https://vote.example.org/"] }
  }

  expect_failures = [var.name]
}

run "rejects_a_tier_that_cognito_does_not_have" {
  command = plan

  variables {
    settings = { user_pool_tier = "FREE" }
  }

  expect_failures = [var.settings]
}

run "rejects_a_sender_without_an_ses_identity" {
  command = plan

  variables {
    settings = { email_sender = { from_address = "votes@example.org", identity_arn = "arn:aws:sns:eu-west-1:111122223333:topic" } }
  }

  expect_failures = [var.settings]
}

run "rejects_a_sender_without_an_address" {
  command = plan

  variables {
    settings = { email_sender = { from_address = "Votes", identity_arn = "arn:aws:ses:eu-west-1:111122223333:identity/example.org" } }
  }

  expect_failures = [var.settings]
}

run "rejects_sign_out_pages_without_sign_in_pages" {
  command = plan

  variables {
    settings = { logout_urls = ["https://vote.example.org/"] }
  }

  expect_failures = [var.settings]
}
