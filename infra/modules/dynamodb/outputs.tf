output "table_arn" {
  description = "ARN of the table, for the policies of those who use it."
  value       = aws_dynamodb_table.this.arn
}

output "table_name" {
  description = "Name of the table, for the environment of those who use it."
  value       = aws_dynamodb_table.this.name
}
