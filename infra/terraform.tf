terraform {
  required_version = ">= 1.11"

  # Partial on purpose: `terraform init -backend-config=environments/<env>.s3.tfbackend` gives each
  # environment its own state.
  backend "s3" {}

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
