output "github_repository" {
  description = "Repository whose workflows may deploy; null if no repository may."
  value       = var.github_repository
}

output "github_repository_id" {
  description = "The repository's number, if the roles trust only that number."
  value       = var.github_repository_id
}

output "role_arns" {
  description = "Roles for the workflows: plan and deploy."
  value       = { for name, role in aws_iam_role.pipeline : name => role.arn }
}

output "state_bucket" {
  description = "Bucket of the environment's state."
  value       = aws_s3_bucket.state.bucket
}
