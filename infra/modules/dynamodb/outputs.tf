output "table_arn" {
  description = "ARN of the table, for the policies of its users."
  value       = aws_dynamodb_table.this.arn
}

output "table_name" {
  description = "Name of the table, for the environment of its users."
  value       = aws_dynamodb_table.this.name
}
