# For every rule: a value that just passes, and one that just fails.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  shard_count = 1
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    retention_hours     = 24
    shard_count         = 1
    shard_level_metrics = []
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    name            = format("%0128d", 0)
    retention_hours = 8760
    shard_count     = 10000
    shard_level_metrics = [
      "IncomingBytes", "IncomingRecords", "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords",
      "ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded",
    ]
  }
}

run "rejects_an_unknown_mode" {
  command = plan

  variables {
    mode = "ON-DEMAND"
  }

  expect_failures = [var.mode]
}

run "rejects_a_name_of_129_characters" {
  command = plan

  variables {
    name = format("%0129d", 0)
  }

  expect_failures = [var.name]
}

run "rejects_a_retention_of_23_hours" {
  command = plan

  variables {
    retention_hours = 23
  }

  expect_failures = [var.retention_hours]
}

run "rejects_a_retention_of_8761_hours" {
  command = plan

  variables {
    retention_hours = 8761
  }

  expect_failures = [var.retention_hours]
}

run "rejects_a_provisioned_stream_without_shards" {
  command = plan

  variables {
    shard_count = null
  }

  expect_failures = [var.shard_count]
}

run "rejects_shard_count_with_on_demand" {
  command = plan

  variables {
    mode        = "ON_DEMAND"
    shard_count = 4
  }

  expect_failures = [var.shard_count]
}

run "rejects_0_shards" {
  command = plan

  variables {
    shard_count = 0
  }

  expect_failures = [var.shard_count]
}

run "rejects_10001_shards" {
  command = plan

  variables {
    shard_count = 10001
  }

  expect_failures = [var.shard_count]
}

run "rejects_half_a_shard" {
  command = plan

  variables {
    shard_count = 1.5
  }

  expect_failures = [var.shard_count]
}

run "rejects_a_metric_that_kinesis_does_not_have" {
  command = plan

  variables {
    shard_level_metrics = ["IncomingRecords", "IncomingVotes"]
  }

  expect_failures = [var.shard_level_metrics]
}
