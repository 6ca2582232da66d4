# Where the API calls go is not decided here: the AWS SDK's own AWS_ENDPOINT_URL and
# AWS_ENDPOINT_URL_<SERVICE> aim the provider at another endpoint, and without them it is AWS.
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

# For the one thing that AWS takes there only, whatever the region of the rest: a firewall for CloudFront.
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
