# The AWS SDK's own variables AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE> can send the provider's calls to another
# endpoint. Without them they go to AWS.
provider "aws" {
  region = var.aws_region

  default_tags {
    tags = {
      Environment = var.environment
      ManagedBy   = "terraform"
      Project     = var.project
      Repository  = "votestream"
    }
  }
}

# AWS takes CloudFront's firewall in us-east-1 only.
provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"

  default_tags {
    tags = {
      Environment = var.environment
      ManagedBy   = "terraform"
      Project     = var.project
      Repository  = "votestream"
    }
  }
}
