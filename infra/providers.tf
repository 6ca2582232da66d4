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
