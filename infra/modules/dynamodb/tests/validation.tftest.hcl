# For every rule: a value that just passes, and one that just fails.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  table = "votes"
}

run "accepts_the_least_of_everything" {
  command = plan

  variables {
    settings = {
      billing_mode = "PROVISIONED"
      read_units   = 1
      write_units  = 1
      autoscaling  = { max_read_units = 1, max_write_units = 1, target_percent = 20 }
    }
  }
}

run "accepts_the_highest_target" {
  command = plan

  variables {
    settings = {
      billing_mode = "PROVISIONED"
      read_units   = 1
      write_units  = 1
      autoscaling  = { max_read_units = 40000, max_write_units = 40000, target_percent = 90 }
    }
  }
}

run "accepts_the_lowest_ceilings" {
  command = plan

  variables {
    settings = { max_read_units = 1, max_write_units = 1 }
  }
}

run "accepts_lifting_the_ceilings" {
  command = plan

  variables {
    settings = { max_read_units = -1, max_write_units = -1 }
  }
}

run "rejects_an_unknown_table" {
  command = plan

  variables {
    table = "ballots"
  }

  expect_failures = [var.table]
}

run "rejects_a_prefix_that_makes_the_name_too_long" {
  command = plan

  variables {
    name_prefix = format("%0248d", 0)
  }

  expect_failures = [var.name_prefix]
}

run "rejects_an_unknown_billing_mode" {
  command = plan

  variables {
    settings = { billing_mode = "ON_DEMAND" }
  }

  expect_failures = [var.settings]
}

run "rejects_a_provisioned_table_without_units" {
  command = plan

  variables {
    settings = { billing_mode = "PROVISIONED", write_units = 5 }
  }

  expect_failures = [var.settings]
}

run "rejects_units_with_pay_per_request" {
  command = plan

  variables {
    settings = { write_units = 5 }
  }

  expect_failures = [var.settings]
}

run "rejects_0_units" {
  command = plan

  variables {
    settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 0 }
  }

  expect_failures = [var.settings]
}

run "rejects_half_a_unit" {
  command = plan

  variables {
    settings = { billing_mode = "PROVISIONED", read_units = 1.5, write_units = 1 }
  }

  expect_failures = [var.settings]
}

run "rejects_ceilings_with_provisioned" {
  command = plan

  variables {
    settings = { billing_mode = "PROVISIONED", read_units = 1, write_units = 1, max_write_units = 10 }
  }

  expect_failures = [var.settings]
}

run "rejects_a_ceiling_of_0" {
  command = plan

  variables {
    settings = { max_write_units = 0 }
  }

  expect_failures = [var.settings]
}

run "rejects_autoscaling_with_pay_per_request" {
  command = plan

  variables {
    settings = { autoscaling = { max_read_units = 10, max_write_units = 10 } }
  }

  expect_failures = [var.settings]
}

run "rejects_a_maximum_below_the_floor" {
  command = plan

  variables {
    settings = {
      billing_mode = "PROVISIONED"
      read_units   = 1
      write_units  = 11
      autoscaling  = { max_read_units = 10, max_write_units = 10 }
    }
  }

  expect_failures = [var.settings]
}

run "rejects_a_target_of_19_percent" {
  command = plan

  variables {
    settings = {
      billing_mode = "PROVISIONED"
      read_units   = 1
      write_units  = 1
      autoscaling  = { max_read_units = 10, max_write_units = 10, target_percent = 19 }
    }
  }

  expect_failures = [var.settings]
}

run "rejects_a_target_of_91_percent" {
  command = plan

  variables {
    settings = {
      billing_mode = "PROVISIONED"
      read_units   = 1
      write_units  = 1
      autoscaling  = { max_read_units = 10, max_write_units = 10, target_percent = 91 }
    }
  }

  expect_failures = [var.settings]
}
