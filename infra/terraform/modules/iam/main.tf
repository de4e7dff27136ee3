# Three roles of one region, each with what it calls and nothing else. IAM is global, so their names carry the region.
locals {
  roles = {
    service  = data.aws_iam_policy_document.service.json
    sync     = data.aws_iam_policy_document.sync.json
    deployer = data.aws_iam_policy_document.deployer.json
  }
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name                 = "${var.name}-${each.key}-${var.region}"
  assume_role_policy   = var.trust_policies[each.key]
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = each.value
}

# A pod of a service: reads and writes its own region's replicas, by key only, unless caches warm up by `scan`.
data "aws_iam_policy_document" "service" {
  statement {
    sid = "Items"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
    ]
    resources = var.table_arns
  }

  # No resources, no statement: none at all is the default.
  dynamic "statement" {
    for_each = length(var.scan_table_arns) == 0 ? [] : [var.scan_table_arns]

    content {
      sid       = "WarmUpByScan"
      actions   = ["dynamodb:Scan"]
      resources = statement.value
    }
  }

  statement {
    sid       = "TableKeys"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = var.table_kms_key_arns

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["dynamodb.${var.region}.amazonaws.com"]
    }
  }
}

# Sync: reads the stream, keeps leases and checkpoints.
data "aws_iam_policy_document" "sync" {
  statement {
    sid = "Stream"
    actions = [
      "kinesis:DescribeStreamSummary",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:ListShards",
      "kinesis:RegisterStreamConsumer",
    ]
    resources = [var.stream_arn]
  }

  statement {
    sid     = "FanOut"
    actions = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]
    # The ARN of a consumer ends in the moment when it was registered.
    resources = ["${var.stream_arn}/consumer/*"]
  }

  statement {
    sid = "Leases"
    actions = [
      "dynamodb:DeleteItem",
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Scan",
      "dynamodb:UpdateItem",
    ]
    resources = [var.lease_table_arn]
  }

  # Whether the tables' changes reach the stream; no item of a table.
  statement {
    sid       = "Destinations"
    actions   = ["dynamodb:DescribeKinesisStreamingDestination"]
    resources = var.table_arns
  }

  statement {
    sid       = "StreamKey"
    actions   = ["kms:Decrypt"]
    resources = [var.pipeline_kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "LeaseKey"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = [var.pipeline_kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["dynamodb.${var.region}.amazonaws.com"]
    }
  }
}

# Whoever connects tables to the stream. DynamoDB does not honour conditions on tags for these calls.
data "aws_iam_policy_document" "deployer" {
  #checkov:skip=CKV_AWS_356:kinesis:ListStreams knows no resources; every other statement names its own
  statement {
    sid = "Destinations"
    actions = [
      "dynamodb:DescribeKinesisStreamingDestination",
      "dynamodb:DisableKinesisStreamingDestination",
      "dynamodb:EnableKinesisStreamingDestination",
      "dynamodb:UpdateKinesisStreamingDestination",
    ]
    resources = var.table_arns
  }

  statement {
    sid       = "Stream"
    actions   = ["kinesis:DescribeStream", "kinesis:PutRecords"]
    resources = [var.stream_arn]
  }

  statement {
    sid       = "Streams"
    actions   = ["kinesis:ListStreams"]
    resources = ["*"]
  }

  statement {
    sid       = "Capture"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:${var.partition}:iam::*:role/aws-service-role/kinesisreplication.dynamodb.amazonaws.com/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["kinesisreplication.dynamodb.amazonaws.com"]
    }
  }
}
