# The user pool, and its limits. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  deletion_protection_enabled = true
}

run "a_pool_is_closed_protected_and_cheap_by_default" {
  command = plan

  assert {
    condition     = one(aws_cognito_user_pool.this.admin_create_user_config).allow_admin_create_user_only
    error_message = "One vote per person needs one account per person."
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "The pool must be protected, because it holds the voters' identities."
  }

  assert {
    condition     = !aws_cognito_user_pool_client.browser.generate_secret && aws_cognito_user_pool_client.browser.explicit_auth_flows == toset(["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"])
    error_message = "SRP proves a password without sending it."
  }

  assert {
    condition     = aws_cognito_user_pool_client.browser.prevent_user_existence_errors == "ENABLED" && aws_cognito_user_pool_client.browser.enable_token_revocation
    error_message = "Sign-in errors must not reveal accounts, and signing out must revoke tokens."
  }

  assert {
    condition     = [aws_cognito_user_pool_client.browser.id_token_validity, one(aws_cognito_user_pool_client.browser.token_validity_units).id_token] == [60, "minutes"]
    error_message = "A stolen token is good for an hour."
  }

  assert {
    condition     = !aws_cognito_user_pool_client.browser.allowed_oauth_flows_user_pool_client && length(aws_cognito_user_pool_domain.this) == 0
    error_message = "Cognito's own pages need a callback URL."
  }

  assert {
    condition     = aws_cognito_user_pool.this.user_pool_tier == "LITE" && length(aws_cognito_user_pool.this.email_configuration) == 0
    error_message = "Cognito's own default is ESSENTIALS, which costs more for each monthly user."
  }
}

run "voters_may_sign_up_on_cognitos_own_pages_with_mail_from_your_address" {
  command = plan

  variables {
    token_scopes = ["votes/cast"]
    settings = {
      callback_urls          = ["https://vote.example.org/signed-in", "http://localhost:5173/"]
      email_sender           = { from_address = "Votes <votes@example.org>", identity_arn = "arn:aws:ses:eu-west-1:111122223333:identity/example.org" }
      logout_urls            = ["https://vote.example.org/bye"]
      sign_up_enabled        = true
      token_validity_minutes = 1440 # the longest
    }
  }

  assert {
    condition     = !one(aws_cognito_user_pool.this.admin_create_user_config).allow_admin_create_user_only && contains(aws_cognito_user_pool.this.auto_verified_attributes, "email")
    error_message = "People who sign themselves up must verify their address."
  }

  assert {
    condition     = aws_cognito_user_pool_client.browser.allowed_oauth_flows == toset(["code"]) && aws_cognito_user_pool_client.browser.allowed_oauth_scopes == toset(["openid", "votes/cast"])
    error_message = "The flow must use codes with PKCE: a code is useless without the browser's verifier, but a token in an address can vote."
  }

  assert {
    condition     = one(aws_cognito_user_pool_domain.this[*].domain) == "votestream-test-111122223333" && output.sign_in_url == "https://votestream-test-111122223333.auth.eu-west-1.amazoncognito.com"
    error_message = "A domain is unique in its region, so it carries the account."
  }

  assert {
    condition     = one(aws_cognito_user_pool.this.email_configuration).email_sending_account == "DEVELOPER" && one(aws_cognito_user_pool.this.email_configuration).source_arn == "arn:aws:ses:eu-west-1:111122223333:identity/example.org"
    error_message = "Cognito's own sender stops at 50 messages a day."
  }

  assert {
    condition     = aws_cognito_user_pool_client.browser.logout_urls == toset(["https://vote.example.org/bye"])
    error_message = "Cognito may redirect to the named pages only."
  }
}

# For every rule: a value that just passes, and one that just fails.

run "rejects_a_token_of_4_minutes" {
  command = plan
  variables { settings = { token_validity_minutes = 4 } }
  expect_failures = [var.settings]
}

run "rejects_a_token_of_more_than_a_day" {
  command = plan
  variables { settings = { token_validity_minutes = 1441 } }
  expect_failures = [var.settings]
}

run "rejects_sending_codes_in_the_clear" {
  command = plan
  variables { settings = { callback_urls = ["http://vote.example.org/"] } }
  expect_failures = [var.settings]
}

run "rejects_a_host_that_only_begins_like_localhost" {
  command = plan
  variables { settings = { callback_urls = ["http://localhost.evil.example/"] } }
  expect_failures = [var.settings]
}

run "accepts_the_shortest_token_and_a_reserved_name_without_a_domain" {
  command = plan

  variables {
    name     = "my-aws-votes"
    settings = { token_validity_minutes = 5 }
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
  variables { settings = { user_pool_tier = "FREE" } }
  expect_failures = [var.settings]
}

run "rejects_a_sender_without_an_ses_identity" {
  command = plan
  variables { settings = { email_sender = { from_address = "votes@example.org", identity_arn = "arn:aws:sns:eu-west-1:111122223333:topic" } } }
  expect_failures = [var.settings]
}

run "rejects_a_sender_without_an_address" {
  command = plan
  variables { settings = { email_sender = { from_address = "Votes", identity_arn = "arn:aws:ses:eu-west-1:111122223333:identity/example.org" } } }
  expect_failures = [var.settings]
}

run "rejects_sign_out_pages_without_sign_in_pages" {
  command = plan
  variables { settings = { logout_urls = ["https://vote.example.org/"] } }
  expect_failures = [var.settings]
}
