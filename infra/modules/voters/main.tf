# The user pool of voters, if the front door asks them to sign in. A voter is a user's `sub`: Cognito gives it to one user
# only, and never reuses it.
resource "aws_cognito_user_pool" "this" {
  name                = var.name
  user_pool_tier      = var.settings.user_pool_tier
  deletion_protection = var.deletion_protection_enabled ? "ACTIVE" : "INACTIVE"
  mfa_configuration   = "OPTIONAL"
  # People sign in with their e-mail address and verify it. Neither setting can be changed later.
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  # One vote per person needs one account per person. So an administrator creates accounts, unless sign_up_enabled
  # lets people create their own.
  admin_create_user_config {
    allow_admin_create_user_only = !var.settings.sign_up_enabled
  }

  # Without your own sender, Cognito sends at most 50 messages a day.
  dynamic "email_configuration" {
    for_each = var.settings.email_sender[*]

    content {
      email_sending_account = "DEVELOPER"
      from_email_address    = email_configuration.value.from_address
      source_arn            = email_configuration.value.identity_arn
    }
  }

  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = false
    require_uppercase                = true
    temporary_password_validity_days = 7
  }

  software_token_mfa_configuration {
    enabled = true
  }

  # A new address is used once it is verified.
  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  username_configuration {
    case_sensitive = false
  }
}

# For pages and apps. It has no secret, because a browser cannot keep one. Passwords are never sent (SRP), or stay
# on Cognito's own pages (authorization code with PKCE, if there are callback URLs).
resource "aws_cognito_user_pool_client" "browser" {
  name         = "${var.name}-browser"
  user_pool_id = aws_cognito_user_pool.this.id

  generate_secret               = false
  enable_token_revocation       = true
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
  prevent_user_existence_errors = "ENABLED"

  access_token_validity  = var.settings.token_validity_minutes
  id_token_validity      = var.settings.token_validity_minutes
  refresh_token_validity = 1

  allowed_oauth_flows                  = local.hosted_pages ? ["code"] : null
  allowed_oauth_flows_user_pool_client = local.hosted_pages
  allowed_oauth_scopes                 = local.hosted_pages ? concat(["openid"], var.token_scopes) : null
  callback_urls                        = local.hosted_pages ? var.settings.callback_urls : null
  logout_urls                          = local.hosted_pages ? var.settings.logout_urls : null
  supported_identity_providers         = local.hosted_pages ? ["COGNITO"] : null

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }
}

# Host of Cognito's own sign-in pages. The name is unique in the region, so it contains the account.
resource "aws_cognito_user_pool_domain" "this" {
  count = local.hosted_pages ? 1 : 0

  domain       = "${var.name}-${data.aws_caller_identity.current.account_id}"
  user_pool_id = aws_cognito_user_pool.this.id
}

locals {
  hosted_pages = length(var.settings.callback_urls) > 0
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}
