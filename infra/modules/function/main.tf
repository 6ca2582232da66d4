locals {
  function_name = "${var.deployment.name_prefix}-${replace(var.name, "_", "-")}"

  # Read so that a missing or broken artifact ends in the messages of the preconditions below, and not in
  # the error of a function that could not open a file.
  zip           = "${var.deployment.artifact_directory}/${var.name}.zip"
  zip_hash      = try(filebase64sha256(local.zip), null)
  manifest_path = "${var.deployment.artifact_directory}/manifest.json"
  manifest      = try(jsondecode(file(local.manifest_path)), null)
  artifact      = try(local.manifest.functions[var.name], null)
  make_package  = var.deployment.architecture == "arm64" ? "make package" : "make package ARCH=${var.deployment.architecture}"
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

# Created here so that it has a retention. Lambda would create one that keeps all lines.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.deployment.log_retention_days
  kms_key_id        = try(var.deployment.kms_key.arn, null)

  # checkov:skip=CKV_AWS_338: the tables hold the proof of a result; the tfvars set the retention of logs
}

resource "aws_lambda_function" "this" {
  function_name                  = local.function_name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  runtime                        = "python3.13"
  architectures                  = [var.deployment.architecture]
  handler                        = var.handler
  filename                       = local.zip
  source_code_hash               = try(local.artifact.code_sha256_base64, null)
  memory_size                    = var.settings.memory_mb
  timeout                        = var.settings.timeout_seconds
  reserved_concurrent_executions = coalesce(var.settings.reserved_concurrency, -1)
  publish                        = var.versions_published

  environment {
    variables = var.environment_variables
  }

  # Text, because Powertools writes JSON lines itself, and CloudWatch finds metrics only in unwrapped lines. A function that emits no metrics may log warnings only: Lambda's own lines for each invocation would
  # cost more than a short invocation does. The reference also makes the log group exist before the function's first line.
  logging_config {
    log_format            = var.log_warnings_only ? "JSON" : "Text"
    log_group             = aws_cloudwatch_log_group.this.name
    application_log_level = var.log_warnings_only ? "WARN" : null
    system_log_level      = var.log_warnings_only ? "WARN" : null
  }

  lifecycle {
    precondition {
      condition     = fileexists(local.zip) && fileexists(local.manifest_path)
      error_message = "The artifact of ${var.name} is missing: there must be ${local.zip} and ${local.manifest_path}. Build them with `${local.make_package}`."
    }

    precondition {
      condition     = !fileexists(local.manifest_path) || try(local.manifest.architecture == var.deployment.architecture, false)
      error_message = "The artifact in ${var.deployment.artifact_directory} is built for ${try(local.manifest.architecture, "an unknown architecture")}, but lambda_architecture is ${var.deployment.architecture}: it would not start. Build it with `${local.make_package}`, or change lambda_architecture."
    }

    precondition {
      condition     = local.zip_hash == null || local.manifest == null || try(local.artifact.sha256_base64 == local.zip_hash, false)
      error_message = "${local.zip} is not the file that ${local.manifest_path} describes: one of them is left from another build. Build both with `${local.make_package}`."
    }
  }

  # checkov:skip=CKV_AWS_50: a trace would record which keys were written; metrics show the cost of batches
  # checkov:skip=CKV_AWS_116: nothing invokes it asynchronously; discarded batches go to the consumer's failure bucket
  # checkov:skip=CKV_AWS_117: it talks to AWS's own endpoints only, which its role bounds; a VPC would add a way to fail
  # checkov:skip=CKV_AWS_173: encrypted with Lambda's key; they are names and numbers, no secret
  # checkov:skip=CKV_AWS_272: the manifest's hashes tie the archive to its sources; signing needs a profile of the account's owner
}
