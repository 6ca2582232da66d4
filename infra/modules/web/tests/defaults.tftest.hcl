# Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan

  override_resource {
    target = aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::votestream-test-pages", id = "votestream-test-pages" }
  }
}

variables {
  name             = "votestream-test"
  cdn_enabled      = true
  distribution_arn = "arn:aws:cloudfront::111122223333:distribution/E1"
  identity         = { mode = "none" }
  settings         = {}
}

run "only_our_distribution_reads_the_pages_and_their_settings" {
  command = plan

  assert {
    condition = [for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement : [statement.Action, statement.Resource, statement.Condition] if statement.Effect == "Allow"] == [
      ["s3:GetObject", "arn:aws:s3:::votestream-test-pages/*", { StringEquals = { "aws:SourceArn" = "arn:aws:cloudfront::111122223333:distribution/E1" } }]
    ]
    error_message = "Only this distribution may read files, and nobody may list them."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.this.restrict_public_buckets && aws_s3_bucket_public_access_block.this.block_public_policy
    error_message = "The bucket stays private."
  }

  assert {
    condition = jsondecode(aws_s3_object.config.content) == {
      accent      = "#2346d6"
      api         = ""
      identity    = { mode = "none" }
      logo        = null
      openings    = false
      privacy_url = null
      texts       = {}
      title       = "Votestream"
      votes_url   = null
    }
    error_message = "config.json must have the fields that web/README.md documents."
  }

  assert {
    condition     = aws_s3_object.config.cache_control == "public, max-age=60"
    error_message = "A changed setting reaches browsers within a minute."
  }

  assert {
    condition     = output.security_policy == "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    error_message = "A page loads nothing from elsewhere, and no site may embed it."
  }
}

run "without_cloudfront_the_bucket_has_no_readers" {
  command = plan

  variables {
    cdn_enabled      = false
    distribution_arn = null
  }

  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement : statement.Effect] == ["Deny"]
    error_message = "A bucket without a distribution must have no readers."
  }
}

run "settings_of_a_show" {
  command = plan

  variables {
    openings_enabled = true
    identity = {
      authority  = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abcdefghi"
      client_id  = "client"
      logout_url = "https://votes.auth.eu-west-1.amazoncognito.com/logout"
      mode       = "cognito"
      scope      = "openid"
      token      = "id"
    }
    settings = {
      accent          = "#737373" # just readable
      custom_texts    = { en = { vote = "Send" }, de = { scan = "Scannen oder:" } }
      embed_origins   = ["https://www.example.org", "https://*.example.com"]
      logo_file       = "../../../docs/images/board.png"
      privacy_url     = "https://www.example.org/privacy"
      sign_in_origins = ["https://login.example.org"]
      title           = "Friday Night Live"
    }
  }

  assert {
    condition     = jsondecode(aws_s3_object.config.content).identity == { authority = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abcdefghi", client_id = "client", logout_url = "https://votes.auth.eu-west-1.amazoncognito.com/logout", mode = "cognito", scope = "openid", token = "id" }
    error_message = "config.json must name the issuer."
  }

  assert {
    condition     = jsondecode(aws_s3_object.config.content).openings
    error_message = "The page must offer openings if the API has them."
  }

  assert {
    condition     = strcontains(output.security_policy, "connect-src 'self' https://cognito-idp.eu-west-1.amazonaws.com https://votes.auth.eu-west-1.amazoncognito.com https://login.example.org;")
    error_message = "The page may ask the hosts that sign voters in, and no other."
  }

  assert {
    condition     = endswith(output.security_policy, "frame-ancestors https://www.example.org https://*.example.com")
    error_message = "The named sites may embed the pages."
  }

  assert {
    condition     = jsondecode(aws_s3_object.config.content).logo == aws_s3_object.logo[0].key && aws_s3_object.logo[0].content_type == "image/png"
    error_message = "The logo comes from the same origin."
  }

  assert {
    condition     = jsondecode(aws_s3_object.config.content).texts == { de = { scan = "Scannen oder:" }, en = { vote = "Send" } }
    error_message = "Custom texts must replace ours."
  }
}

run "rejects_an_accent_that_is_hard_to_read" {
  command = plan
  variables { settings = { accent = "#757575" } }
  expect_failures = [output.security_policy]
}

run "rejects_a_colour_by_name" {
  command = plan
  variables { settings = { accent = "#23f" } }
  expect_failures = [var.settings]
}

run "rejects_a_text_that_no_page_has" {
  command = plan
  variables { settings = { custom_texts = { en = { votes_button = "Send" } } } }
  expect_failures = [var.settings]
}

run "rejects_a_language_that_the_pages_do_not_speak" {
  command = plan
  variables { settings = { custom_texts = { xx = { vote = "Send" } } } }
  expect_failures = [var.settings]
}

run "rejects_an_origin_with_a_path" {
  command = plan
  variables { settings = { embed_origins = ["https://www.example.org/show"] } }
  expect_failures = [var.settings]
}

run "rejects_a_missing_logo_file" {
  command = plan
  variables { settings = { logo_file = "nowhere.svg" } }
  expect_failures = [var.settings]
}

run "rejects_an_unencrypted_privacy_page" {
  command = plan
  variables { settings = { privacy_url = "http://www.example.org" } }
  expect_failures = [var.settings]
}

run "rejects_a_title_of_61_characters" {
  command = plan
  variables { settings = { title = format("%061d", 0) } }
  expect_failures = [var.settings]
}
