terraform {
  required_version = ">= 1.11"

  # In the very bucket that is made here; `make bootstrap` says which, and makes it before the first init.
  backend "s3" {}

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
