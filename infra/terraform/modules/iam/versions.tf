terraform {
  # Validations that look at two variables came with 1.9.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The `region` argument came with 6.0, deletion protection of a replica with 6.28.
      version = ">= 6.28, < 7.0"
    }
  }
}
