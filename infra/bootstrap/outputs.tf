output "github_repository" {
  description = "Repository whose workflows may deploy; null if none may."
  value       = var.github_repository
}

output "github_repository_id" {
  description = "Its number, where trust is bound to it."
  value       = var.github_repository_id
}

output "role_arns" {
  description = "Roles for the workflows, by what they may: plan and deploy."
  value       = { for name, role in aws_iam_role.pipeline : name => role.arn }
}

output "state_bucket" {
  description = "Bucket of the environment's state."
  value       = aws_s3_bucket.state.bucket
}
