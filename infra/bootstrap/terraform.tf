terraform {
  required_version = ">= 1.11"

  # In the bucket that this module manages. `make bootstrap` names it, and creates it before the first init.
  backend "s3" {}

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
