# What the module promises: keys that the functions depend on, and capacity as data.
# Nothing is created: the provider is mocked.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

run "votes_are_kept_by_bucket_and_voter_and_can_expire" {
  command = plan

  variables {
    table = "votes"
  }

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
    error_message = "DynamoDB deletes a vote with an expires_at after that time."
  }

  assert {
    condition     = aws_dynamodb_table.this.name == "votestream-test-votes"
    error_message = "The name carries project and environment, so that two environments fit in one account."
  }
}

run "tallies_have_entries_and_never_expire" {
  command = plan

  variables {
    table = "tallies"
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "poll_id" && aws_dynamodb_table.this.range_key == "entry"
    error_message = "A poll's live rows, drain marks and final share its poll_id and differ in entry."
  }

  assert {
    condition     = length(aws_dynamodb_table.this.ttl) == 0
    error_message = "Counts are never deleted by the clock."
  }
}

run "polls_have_a_key_of_one_part" {
  command = plan

  variables {
    table = "polls"
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "poll_id" && aws_dynamodb_table.this.range_key == null
    error_message = "A poll is found by its id alone."
  }
}

run "is_safe_unless_told_otherwise" {
  command = plan

  variables {
    table = "votes"
  }

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled && one(aws_dynamodb_table.this.point_in_time_recovery).enabled
    error_message = "By default a table can't be deleted, and can be restored."
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST" && length(aws_dynamodb_table.this.on_demand_throughput) == 0
    error_message = "By default an idle table costs nothing, and has no ceiling."
  }
}

run "provisioned_units_reach_the_table" {
  command = plan

  variables {
    table    = "votes"
    settings = { billing_mode = "PROVISIONED", read_units = 3, write_units = 5 }
  }

  assert {
    condition     = aws_dynamodb_table.this.read_capacity == 3 && aws_dynamodb_table.this.write_capacity == 5
    error_message = "read_units and write_units must not be swapped."
  }

  assert {
    condition     = length(aws_appautoscaling_target.this) == 0 && length(data.aws_dynamodb_table.scaled) == 0
    error_message = "Fixed units stay fixed: nothing scales them, and nothing reads them back."
  }
}

run "one_ceiling_leaves_the_other_open" {
  command = plan

  variables {
    table    = "votes"
    settings = { max_write_units = 5000 }
  }

  assert {
    condition     = one(aws_dynamodb_table.this.on_demand_throughput).max_write_request_units == 5000 && one(aws_dynamodb_table.this.on_demand_throughput).max_read_request_units == -1
    error_message = "A ceiling that is not asked for is -1, which also lifts one from before."
  }
}
