# The schedule group of the unique counter, and its role. functions/unique_counter holds the code. votectl creates each poll's schedule.

data "aws_caller_identity" "current" {}

# Holds one schedule per poll that is not final. Deleting the group deletes them with it.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

# Each minute starts its own invocation, so an old event would only add to it.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = var.function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}
