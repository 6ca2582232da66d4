# Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  deletion_protection_enabled = true
}

run "voters_cannot_sign_up_by_default" {
  command = plan

  assert {
    condition     = one(aws_cognito_user_pool.this.admin_create_user_config).allow_admin_create_user_only
    error_message = "One vote per person needs one account per person."
  }
}

run "voters_can_sign_up_if_enabled" {
  command = plan

  variables {
    settings = { sign_up_enabled = true }
  }

  assert {
    condition     = !one(aws_cognito_user_pool.this.admin_create_user_config).allow_admin_create_user_only && contains(aws_cognito_user_pool.this.auto_verified_attributes, "email")
    error_message = "People who sign themselves up must verify their address."
  }
}

run "a_pool_with_voters_in_it_stays" {
  command = plan

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "The pool must be protected, because it holds the voters' identities."
  }
}

run "a_browser_has_no_secret_and_sends_no_password" {
  command = plan

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
}

run "cognitos_own_pages_give_codes_and_never_tokens" {
  command = plan

  variables {
    settings     = { callback_urls = ["https://vote.example.org/signed-in", "http://localhost:5173/"] }
    token_scopes = ["votes/cast"]
  }

  assert {
    condition     = aws_cognito_user_pool_client.browser.allowed_oauth_flows == toset(["code"]) && aws_cognito_user_pool_client.browser.allowed_oauth_scopes == toset(["openid", "votes/cast"])
    error_message = "The flow must use codes with PKCE: a code is useless without the browser's verifier, but a token in an address can vote."
  }

  assert {
    condition     = one(aws_cognito_user_pool_domain.this[*].domain) == "votestream-test-111122223333" && output.sign_in_url == "https://votestream-test-111122223333.auth.eu-west-1.amazoncognito.com"
    error_message = "A domain is unique in its region, so it carries the account."
  }
}

run "a_pool_is_in_the_cheapest_tier_and_has_cognitos_own_sender" {
  command = plan

  assert {
    condition     = aws_cognito_user_pool.this.user_pool_tier == "LITE" && length(aws_cognito_user_pool.this.email_configuration) == 0
    error_message = "Cognito's own default is ESSENTIALS, which costs more for each monthly user."
  }
}

run "invitations_can_come_from_an_address_of_your_own" {
  command = plan

  variables {
    settings = {
      callback_urls = ["https://vote.example.org/"]
      email_sender  = { from_address = "Votes <votes@example.org>", identity_arn = "arn:aws:ses:eu-west-1:111122223333:identity/example.org" }
      logout_urls   = ["https://vote.example.org/bye"]
    }
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
