# Two keys and who may use them. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  deletion_protection_enabled = false
  name                        = "votestream-test"
}

run "one_key_makes_data_keys_and_is_rotated" {
  command = plan

  assert {
    condition     = aws_kms_key.polls.enable_key_rotation && aws_kms_key.polls.deletion_window_in_days == 30
    error_message = "The key is rotated every year, and a destroy can be cancelled for 30 days."
  }

  assert {
    condition     = aws_kms_alias.polls.name == "alias/votestream-test-results-pack"
    error_message = "People find the key by the deployment's name."
  }
}

run "the_other_key_signs_what_the_format_says" {
  command = plan

  assert {
    condition     = aws_kms_key.signing.customer_master_key_spec == "RSA_3072" && aws_kms_key.signing.key_usage == "SIGN_VERIFY"
    error_message = "Verifiers know RSA with 3,072 bits and nothing else."
  }

  assert {
    condition     = aws_kms_key.signing.deletion_window_in_days == 30 && aws_kms_alias.signing.name == "alias/votestream-test-results-pack-signing"
    error_message = "A destroy can be cancelled for 30 days, and people find the key by the deployment's name."
  }
}

run "only_the_accounts_own_policies_decide" {
  command = plan

  assert {
    condition     = aws_kms_key.polls.policy == aws_kms_key.signing.policy
    error_message = "Both keys have the same policy."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.signing.policy).Statement : statement.Principal] == [{ AWS = "arn:aws:iam::111122223333:root" }]
    error_message = "No service and no role may use a key by the key's own policy."
  }
}

run "packs_are_not_published_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_s3_bucket.packs) == 0 && output.bucket_name == null && output.bucket_policy_json == null
    error_message = "Without a publication there is no bucket."
  }
}

run "published_packs_are_private_versioned_and_not_locked" {
  command = plan

  variables {
    deletion_protection_enabled = true
    publication                 = { object_lock = null, public = false }
  }

  assert {
    condition     = !aws_s3_bucket.packs["packs"].object_lock_enabled && !aws_s3_bucket.packs["packs"].force_destroy && aws_s3_bucket_versioning.packs["packs"].versioning_configuration[0].status == "Enabled"
    error_message = "Old versions stay, and a destroy keeps packs."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.packs["packs"].block_public_policy && aws_s3_bucket_public_access_block.packs["packs"].restrict_public_buckets
    error_message = "A private bucket cannot be opened by a policy."
  }

  assert {
    condition     = [for statement in jsondecode(output.bucket_policy_json).Statement : statement.Sid] == ["TlsOnly"]
    error_message = "Nobody outside the account may read."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.packs["packs"].rule[0].filter[0].prefix == "work/" && aws_s3_bucket_lifecycle_configuration.packs["packs"].rule[0].expiration[0].days == 7
    error_message = "Work files are forgotten after a week, and packs are not."
  }
}

run "anyone_may_read_public_packs_and_no_work_file" {
  command = plan

  variables {
    publication = { object_lock = { days = 30, mode = "COMPLIANCE" }, public = true }
  }

  assert {
    condition     = [for statement in jsondecode(output.bucket_policy_json).Statement : [statement.Effect, statement.Action, [for resource in flatten([statement.Resource]) : endswith(resource, "/packs/*")]] if statement.Sid == "AnyoneReadsPacks"] == [["Allow", "s3:GetObject", [true]]]
    error_message = "Public are the packs, and nothing else of the bucket."
  }

  assert {
    condition     = !aws_s3_bucket_public_access_block.packs["packs"].block_public_policy && aws_s3_bucket_public_access_block.packs["packs"].block_public_acls
    error_message = "The policy makes packs public; access lists never do."
  }

  assert {
    condition     = aws_s3_bucket.packs["packs"].object_lock_enabled
    error_message = "Files can be locked only in a bucket that was made for it."
  }
}

run "a_bucket_name_that_is_too_long_is_refused" {
  command = plan

  variables {
    name = "votestream-${join("", [for _ in range(30) : "x"])}"
  }

  expect_failures = [var.name]
}

run "protected_keys_are_not_deleted" {
  command = plan

  variables {
    deletion_protection_enabled = true
  }

  assert {
    condition = alltrue([
      for key in [aws_kms_key.polls, aws_kms_key.signing] : contains([
        for statement in jsondecode(key.policy).Statement : "${statement.Effect} ${join(" ", flatten([statement.Action]))}"
      ], "Deny kms:DeleteAlias kms:DisableKey kms:ScheduleKeyDeletion")
    ])
    error_message = "Published results could never be verified again, so a deletion is refused."
  }
}
