# One cache in two regions: the table, a pipeline beside each replica, and the roles of both.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.28, < 7.0"
    }
  }
}

# Resources name their regions themselves, so one provider is enough.
provider "aws" {
  region = local.regions[0]
}

locals {
  regions = ["us-east-1", "eu-west-1"]
  tags    = { application = "tidemark" }
}

data "aws_caller_identity" "current" {}

module "permissions" {
  source = "../../modules/global-table"

  name            = "permissions"
  region          = local.regions[0]
  replica_regions = slice(local.regions, 1, length(local.regions))
  kms_key_arns    = { for region in local.regions : region => aws_kms_key.tidemark[region].arn }
  tags            = local.tags
}

module "pipeline" {
  source   = "../../modules/regional-pipeline"
  for_each = toset(local.regions)

  name        = "tidemark"
  region      = each.key
  table_arns  = { permissions = module.permissions.arns[each.key] }
  kms_key_arn = aws_kms_key.tidemark[each.key].arn
  tags        = local.tags
}

module "iam" {
  source   = "../../modules/iam"
  for_each = toset(local.regions)

  name                 = "tidemark"
  region               = each.key
  table_arns           = [module.permissions.arns[each.key]]
  table_kms_key_arns   = [aws_kms_key.tidemark[each.key].arn]
  stream_arn           = module.pipeline[each.key].stream_arn
  lease_table_arn      = module.pipeline[each.key].lease_table_arn
  pipeline_kms_key_arn = aws_kms_key.tidemark[each.key].arn
  tags                 = local.tags

  trust_policies = {
    service  = data.aws_iam_policy_document.pods.json
    sync     = data.aws_iam_policy_document.pods.json
    deployer = data.aws_iam_policy_document.account.json
  }
}

resource "aws_kms_key" "tidemark" {
  for_each = toset(local.regions)

  region              = each.key
  description         = "Tables, stream and leases of Tidemark"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
  tags                = local.tags
}

# The account's own policies decide who uses the key, as in every key that the console makes.
data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:the policy of a key speaks of that key alone
  #checkov:skip=CKV_AWS_111:the policy of a key speaks of that key alone
  #checkov:skip=CKV_AWS_356:the policy of a key speaks of that key alone
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

# Pods on EKS take their roles through Pod Identity.
data "aws_iam_policy_document" "pods" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "account" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}
