# What the module promises: keys that the functions depend on, and capacity as data.
# Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  table = "votes"
}

run "votes_are_kept_by_bucket_and_voter_and_can_expire" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "poll_bucket" && aws_dynamodb_table.this.range_key == "voter"
    error_message = "One row per poll and voter: the key is poll_bucket and voter."
  }

  assert {
    condition     = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { poll_bucket = "S", voter = "S" }
    error_message = "Exactly the key attributes are declared: DynamoDB refuses one that is not indexed."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.ttl).attribute_name == "expires_at" && one(aws_dynamodb_table.this.ttl).enabled
    error_message = "DynamoDB must delete a vote after its expires_at."
  }

  assert {
    condition     = aws_dynamodb_table.this.name == "votestream-test-votes"
    error_message = "The name carries project and environment, so that two environments fit in one account."
  }

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled && one(aws_dynamodb_table.this.point_in_time_recovery).enabled
    error_message = "By default a table can't be deleted, and can be restored."
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST" && length(aws_dynamodb_table.this.on_demand_throughput) == 0
    error_message = "By default an idle table costs nothing, and has no ceiling."
  }

  assert {
    condition     = length(aws_dynamodb_table.this.server_side_encryption) == 0
    error_message = "Without a key, DynamoDB encrypts by itself, at no cost."
  }
}

run "tallies_have_entries_and_never_expire" {
  command = plan
  variables { table = "tallies" }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "poll_id" && aws_dynamodb_table.this.range_key == "entry"
    error_message = "A poll's live rows, drain rows and final share its poll_id and differ in entry."
  }

  assert {
    condition     = length(aws_dynamodb_table.this.ttl) == 0
    error_message = "Counts must never expire."
  }
}

run "polls_have_a_key_of_one_part" {
  command = plan
  variables { table = "polls" }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "poll_id" && aws_dynamodb_table.this.range_key == null
    error_message = "A poll is found by its id alone."
  }
}

run "provisioned_units_reach_the_table_and_a_key_encrypts_it" {
  command = plan

  variables {
    settings = { billing_mode = "PROVISIONED", read_units = 3, write_units = 5 }
    kms_key  = { arn = "arn:aws:kms:eu-west-1:111122223333:key/own" }
  }

  assert {
    condition     = aws_dynamodb_table.this.read_capacity == 3 && aws_dynamodb_table.this.write_capacity == 5
    error_message = "read_units and write_units must not be swapped."
  }

  assert {
    condition     = length(aws_appautoscaling_target.this) == 0 && length(data.aws_dynamodb_table.scaled) == 0
    error_message = "Fixed units stay fixed: nothing scales them, and nothing reads them back."
  }

  assert {
    condition     = [for encryption in aws_dynamodb_table.this.server_side_encryption : [encryption.enabled, encryption.kms_key_arn]] == [[true, "arn:aws:kms:eu-west-1:111122223333:key/own"]]
    error_message = "The table must be encrypted with the key."
  }
}

run "one_ceiling_leaves_the_other_open" {
  command = plan
  variables { settings = { max_write_units = 1 } }

  assert {
    condition     = one(aws_dynamodb_table.this.on_demand_throughput).max_write_request_units == 1 && one(aws_dynamodb_table.this.on_demand_throughput).max_read_request_units == -1
    error_message = "A ceiling that is not set is -1, which also removes an earlier one."
  }
}

# For every rule: a value that just passes, and one that just fails.

run "accepts_the_least_of_everything" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 1, autoscaling = { max_read_units = 1, max_write_units = 1, target_percent = 20 } } }
}

run "accepts_the_highest_target" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 1, autoscaling = { max_read_units = 40000, max_write_units = 40000, target_percent = 90 } } }
}

run "accepts_lifting_the_ceilings" {
  command = plan
  variables { settings = { max_read_units = -1, max_write_units = -1 } }
}

run "rejects_a_prefix_that_makes_the_name_too_long_and_an_unknown_table" {
  command = plan

  variables {
    name_prefix = format("%0248d", 0)
    table       = "ballots"
  }

  expect_failures = [var.name_prefix, var.table]
}

run "rejects_an_unknown_billing_mode" {
  command = plan
  variables { settings = { billing_mode = "ON_DEMAND" } }
  expect_failures = [var.settings]
}

run "rejects_a_provisioned_table_without_units" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", write_units = 5 } }
  expect_failures = [var.settings]
}

run "rejects_units_with_pay_per_request" {
  command = plan
  variables { settings = { write_units = 5 } }
  expect_failures = [var.settings]
}

run "rejects_0_units" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 0 } }
  expect_failures = [var.settings]
}

run "rejects_half_a_unit" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 1.5, write_units = 1 } }
  expect_failures = [var.settings]
}

run "rejects_ceilings_with_provisioned" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 1, max_write_units = 10 } }
  expect_failures = [var.settings]
}

run "rejects_a_ceiling_of_0" {
  command = plan
  variables { settings = { max_write_units = 0 } }
  expect_failures = [var.settings]
}

run "rejects_half_a_unit_as_a_ceiling" {
  command = plan
  variables { settings = { max_read_units = 1.5 } }
  expect_failures = [var.settings]
}

run "rejects_autoscaling_with_pay_per_request" {
  command = plan
  variables { settings = { autoscaling = { max_read_units = 10, max_write_units = 10 } } }
  expect_failures = [var.settings]
}

run "rejects_a_read_maximum_below_the_floor" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 11, write_units = 1, autoscaling = { max_read_units = 10, max_write_units = 10 } } }
  expect_failures = [var.settings]
}

run "rejects_a_write_maximum_below_the_floor" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 11, autoscaling = { max_read_units = 10, max_write_units = 10 } } }
  expect_failures = [var.settings]
}

run "rejects_a_target_of_19_percent" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 1, autoscaling = { max_read_units = 10, max_write_units = 10, target_percent = 19 } } }
  expect_failures = [var.settings]
}

run "rejects_a_target_of_91_percent" {
  command = plan
  variables { settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 1, autoscaling = { max_read_units = 10, max_write_units = 10, target_percent = 91 } } }
  expect_failures = [var.settings]
}
