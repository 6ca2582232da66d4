# Autoscaling changes units outside Terraform; an apply must neither undo that nor lose the bounds.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  table = "votes"
  settings = {
    billing_mode = "PROVISIONED"
    read_units   = 10
    write_units  = 100
    autoscaling  = { max_read_units = 50, max_write_units = 2000 }
  }
}

override_data {
  target = data.aws_dynamodb_tables.existing
  values = { names = ["another-table", "votestream-test-votes"] }
}

override_data {
  target = data.aws_dynamodb_table.scaled
  values = { read_capacity = 20, write_capacity = 1500 }
}

run "starts_at_the_floor" {
  command = plan

  override_data {
    target = data.aws_dynamodb_tables.existing
    values = { names = ["another-table"] }
  }

  assert {
    condition     = aws_dynamodb_table.this.read_capacity == 10 && aws_dynamodb_table.this.write_capacity == 100
    error_message = "A new table starts with read_units and write_units."
  }

  assert {
    condition = { for key, target in aws_appautoscaling_target.this : key => [target.scalable_dimension, target.min_capacity, target.max_capacity] } == {
      read  = ["dynamodb:table:ReadCapacityUnits", 10, 50]
      write = ["dynamodb:table:WriteCapacityUnits", 100, 2000]
    }
    error_message = "Reads scale between read bounds and writes between write bounds."
  }

  assert {
    condition     = { for key, policy in aws_appautoscaling_policy.this : key => one(one(policy.target_tracking_scaling_policy_configuration).predefined_metric_specification).predefined_metric_type } == { read = "DynamoDBReadCapacityUtilization", write = "DynamoDBWriteCapacityUtilization" }
    error_message = "Each dimension must scale by its own utilization."
  }
}

run "keeps_what_autoscaling_has_added" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.read_capacity == 20 && aws_dynamodb_table.this.write_capacity == 1500
    error_message = "An apply in the middle of a show must not take units away from a table that was scaled up."
  }
}

run "raises_a_table_to_a_new_floor" {
  command = plan
  variables { settings = merge(var.settings, { read_units = 30, write_units = 1600 }) }

  assert {
    condition     = aws_dynamodb_table.this.read_capacity == 30 && aws_dynamodb_table.this.write_capacity == 1600
    error_message = "A floor that is raised takes effect at once."
  }
}

run "lowers_a_table_to_a_new_maximum" {
  command = plan
  variables { settings = merge(var.settings, { autoscaling = { max_read_units = 15, max_write_units = 1000 } }) }

  assert {
    condition     = aws_dynamodb_table.this.read_capacity == 15 && aws_dynamodb_table.this.write_capacity == 1000
    error_message = "A maximum that is lowered takes effect at once."
  }
}
