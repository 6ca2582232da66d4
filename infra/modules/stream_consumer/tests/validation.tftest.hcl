# For every rule a value that just passes and one that just fails.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                   = "vote_writer"
  name_prefix            = "votestream-test"
  handler                = "vote_writer.handler.lambda_handler"
  architecture           = "arm64"
  artifact_directory     = "../../tests/fixtures/artifacts/arm64"
  environment_variables  = { VOTESTREAM_ENVIRONMENT = "test" }
  failure_retention_days = 30
  log_retention_days     = 30
  permissions            = {}
  stream_arn             = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"
  stream_retention_hours = 24
  settings = {
    batch_size                     = 500
    batching_window_seconds        = 1
    bisect_batch_on_function_error = true
    enhanced_fan_out               = false
    maximum_record_age_seconds     = 43200
    maximum_retry_attempts         = -1
    memory_mb                      = 1024
    parallelization_factor         = 1
    timeout_seconds                = 60
  }
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    failure_retention_days = 0
    log_retention_days     = 1
    stream_retention_hours = 24
    settings               = merge(var.settings, { batch_size = 1, batching_window_seconds = 0, maximum_record_age_seconds = 60, maximum_retry_attempts = 0, memory_mb = 128, reserved_concurrency = 1, timeout_seconds = 15 })
  }
}

run "accepts_the_most_of_everything" {
  command = plan

  variables {
    name_prefix            = "votestream-twelve-more-123456"
    failure_retention_days = 3650
    log_retention_days     = 3653
    stream_retention_hours = 168
    settings               = merge(var.settings, { batch_size = 10000, batching_window_seconds = 300, maximum_record_age_seconds = 604800, maximum_retry_attempts = 10000, memory_mb = 10240, parallelization_factor = 10, reserved_concurrency = 1000, timeout_seconds = 900 })
  }
}

run "accepts_an_age_of_exactly_the_retention" {
  command = plan

  variables {
    settings = merge(var.settings, { maximum_record_age_seconds = 86400 })
  }
}

run "accepts_never_giving_up" {
  command = plan

  variables {
    settings = merge(var.settings, { maximum_record_age_seconds = -1 })
  }
}

run "accepts_10_records_without_a_window" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 10, batching_window_seconds = 0 })
  }
}

run "rejects_a_batch_of_0_records" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 0 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_batch_of_10001_records" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 10001 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_batch_of_2_and_a_half_records" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 2.5 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_negative_window" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 1, batching_window_seconds = -1 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_window_of_301_seconds" {
  command = plan

  variables {
    settings = merge(var.settings, { batching_window_seconds = 301 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_window_of_half_a_second" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 1, batching_window_seconds = 0.5 })
  }

  expect_failures = [var.settings]
}

run "rejects_11_records_without_a_window" {
  command = plan

  variables {
    settings = merge(var.settings, { batch_size = 11, batching_window_seconds = 0 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_parallelization_factor_of_0" {
  command = plan

  variables {
    settings = merge(var.settings, { parallelization_factor = 0 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_parallelization_factor_of_11" {
  command = plan

  variables {
    settings = merge(var.settings, { parallelization_factor = 11 })
  }

  expect_failures = [var.settings]
}

run "rejects_an_age_of_59_seconds" {
  command = plan

  variables {
    settings = merge(var.settings, { maximum_record_age_seconds = 59 })
  }

  expect_failures = [var.settings]
}

run "rejects_an_age_of_minus_2" {
  command = plan

  variables {
    settings = merge(var.settings, { maximum_record_age_seconds = -2 })
  }

  expect_failures = [var.settings]
}

run "rejects_more_than_10000_retries" {
  command = plan

  variables {
    settings = merge(var.settings, { maximum_retry_attempts = 10001 })
  }

  expect_failures = [var.settings]
}

run "rejects_minus_2_retries" {
  command = plan

  variables {
    settings = merge(var.settings, { maximum_retry_attempts = -2 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_timeout_of_14_seconds" {
  command = plan

  variables {
    settings = merge(var.settings, { timeout_seconds = 14 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_timeout_of_901_seconds" {
  command = plan

  variables {
    settings = merge(var.settings, { timeout_seconds = 901 })
  }

  expect_failures = [var.settings]
}

run "rejects_an_age_of_more_than_7_days" {
  command = plan

  variables {
    stream_retention_hours = 8760
    settings               = merge(var.settings, { maximum_record_age_seconds = 604801 })
  }

  expect_failures = [var.settings]
}

run "rejects_an_age_longer_than_the_stream_remembers" {
  command = plan

  variables {
    settings = merge(var.settings, { maximum_record_age_seconds = 86401 })
  }

  expect_failures = [var.settings]
}

run "accepts_a_consumer_that_keeps_order" {
  command = plan

  variables {
    order_required = true
    settings       = merge(var.settings, { maximum_record_age_seconds = -1 })
  }
}

run "rejects_parallel_batches_where_order_is_required" {
  command = plan

  variables {
    order_required = true
    settings       = merge(var.settings, { maximum_record_age_seconds = -1, parallelization_factor = 2 })
  }

  expect_failures = [var.settings]
}

run "rejects_giving_up_by_age_where_order_is_required" {
  command = plan

  variables {
    order_required = true
    settings       = merge(var.settings, { maximum_record_age_seconds = 3600 })
  }

  expect_failures = [var.settings]
}

run "rejects_giving_up_by_retries_where_order_is_required" {
  command = plan

  variables {
    order_required = true
    settings       = merge(var.settings, { maximum_record_age_seconds = -1, maximum_retry_attempts = 10 })
  }

  expect_failures = [var.settings]
}

run "rejects_a_negative_failure_retention" {
  command = plan

  variables {
    failure_retention_days = -1
  }

  expect_failures = [var.failure_retention_days]
}

run "rejects_a_prefix_that_makes_the_bucket_name_too_long" {
  command = plan

  variables {
    name_prefix = "votestream-twelve-more-1234567"
  }

  expect_failures = [var.name_prefix]
}

run "rejects_a_prefix_that_no_bucket_may_have" {
  command = plan

  variables {
    name_prefix = "Votestream-test"
  }

  expect_failures = [var.name_prefix]
}
