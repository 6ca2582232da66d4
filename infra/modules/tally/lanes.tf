# The polls between their end and their final result, and the lanes of the vote writer that each is counted with.
# The tally keeps this row: it adds a poll when the poll has ended, and takes it out when the result is stored. Terraform
# creates it, ignores changes to it, and reads it at every refresh, so that a plan can refuse other lanes.
resource "aws_dynamodb_table_item" "held_lanes" {
  table_name = var.tallies_table_name
  hash_key   = "poll_id"
  range_key  = "entry"
  # As in functions/voting/tallies.py. No poll has this id: ids hold no "_".
  item = jsonencode({
    poll_id = { S = "_lanes" }
    entry   = { S = "held" }
    polls   = { M = {} }
  })

  lifecycle {
    ignore_changes = [item]
  }
}
