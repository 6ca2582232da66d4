output "schedule_group_name" {
  description = "Group that the polls' schedules go into."
  value       = aws_scheduler_schedule_group.this.name
}

output "schedule_role_arn" {
  description = "Role that a poll's schedule starts the function with."
  value       = aws_iam_role.schedule.arn
}
