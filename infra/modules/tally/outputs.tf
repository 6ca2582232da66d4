output "held_lanes" {
  description = "Parallelization factor of vote_writer that each poll between its end and its final result is counted with, by poll."
  value       = { for poll, factor in jsondecode(aws_dynamodb_table_item.held_lanes.item).polls.M : poll => tonumber(factor.N) }
}

output "schedule_group_name" {
  description = "Group that the polls' schedules go into."
  value       = aws_scheduler_schedule_group.this.name
}

output "schedule_role_arn" {
  description = "Role that a poll's schedule starts the tally with."
  value       = aws_iam_role.schedule.arn
}

output "state_machine_arn" {
  description = "The state machine; its input is {\"poll_id\": …, \"recount\": false}."
  value       = aws_sfn_state_machine.this.arn
}
