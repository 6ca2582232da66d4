# The bucket of published packs, and who may read it. Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  deletion_protection_enabled = false
  name                        = "votestream-test"
}

run "packs_are_not_published_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_s3_bucket.packs) == 0 && output.bucket_name == null
    error_message = "Without a publication there is no bucket."
  }
}

run "published_packs_are_private_versioned_and_not_locked" {
  command = plan

  variables {
    deletion_protection_enabled = true
    publication                 = { object_lock = null, public = false, work_retention_days = 7 }
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
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.packs["packs"].policy).Statement : statement.Sid] == ["TlsOnly"]
    error_message = "Nobody outside the account may read."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.packs["packs"].rule[0].filter[0].prefix == "work/" && aws_s3_bucket_lifecycle_configuration.packs["packs"].rule[0].expiration[0].days == 7
    error_message = "Work files must expire after the given days, and packs must not."
  }
}

run "anyone_may_read_public_packs_and_no_work_file" {
  command = plan
  variables { publication = { object_lock = { days = 30, mode = "COMPLIANCE" }, public = true, work_retention_days = 0 } }

  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.packs["packs"].policy).Statement : [statement.Effect, statement.Action, [for resource in flatten([statement.Resource]) : endswith(resource, "/packs/*")]] if statement.Sid == "AnyoneReadsPacks"] == [["Allow", "s3:GetObject", [true]]]
    error_message = "Only packs may be public, nothing else in the bucket."
  }

  assert {
    condition     = !aws_s3_bucket_public_access_block.packs["packs"].block_public_policy && aws_s3_bucket_public_access_block.packs["packs"].block_public_acls
    error_message = "The policy makes packs public; access lists never do."
  }

  assert {
    condition     = aws_s3_bucket.packs["packs"].object_lock_enabled
    error_message = "Files can be locked only in a bucket that was made for it."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.packs) == 0
    error_message = "Work files that are kept for ever need no rule."
  }
}

run "a_bucket_name_that_is_too_long_is_refused" {
  command = plan
  variables { name = "votestream-${join("", [for _ in range(30) : "x"])}" }
  expect_failures = [var.name]
}
