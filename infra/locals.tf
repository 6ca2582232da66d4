locals {
  name_prefix        = "${var.project}-${var.environment}"
  artifact_directory = coalesce(var.artifact_directory, "${path.root}/../dist/${var.lambda_architecture}")
}
