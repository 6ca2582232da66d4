output "stream_arn" {
  description = "ARN of the stream, for roles and event source mappings."
  value       = aws_kinesis_stream.this.arn
}

output "stream_name" {
  description = "Name of the stream, for PutRecord."
  value       = aws_kinesis_stream.this.name
}
