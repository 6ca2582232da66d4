output "alarm_names" {
  description = "Every alarm by its name behind the prefix; empty if alarms are off."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.alarm_name }
}

output "dashboard_name" {
  description = "Dashboard that shows the whole platform."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "topic_arn" {
  description = "Topic that alarms go to; null if alarms are off and no topic was given."
  value       = one(local.topic_arns)
}
