# What one region needs between its replicas and its sync processes. Nothing here crosses regions.
resource "aws_kinesis_stream" "changes" {
  name             = var.name
  region           = var.region
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = var.kms_key_arn

  # Without this a registered fan-out consumer keeps the stream from being deleted.
  enforce_consumer_deletion = true
  shard_level_metrics       = ["IteratorAgeMilliseconds", "WriteProvisionedThroughputExceeded"]

  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }

  tags = var.tags
}

# A destination that starts before the last replica exists misses what happens in between.
resource "terraform_data" "replicas" {
  input = var.table_arns
}

# Losing a destination, even for a moment, loses changes for ever: nothing replays them.
resource "aws_dynamodb_kinesis_streaming_destination" "changes" {
  for_each = var.table_arns

  region     = var.region
  table_name = each.key
  stream_arn = aws_kinesis_stream.changes.arn

  # Fixed from the first day: the provider replaces the destination to change it.
  approximate_creation_date_time_precision = "MICROSECOND"

  depends_on = [terraform_data.replicas]

  lifecycle {
    prevent_destroy = true

    precondition {
      condition     = can(regex("^arn:[a-z-]+:dynamodb:${var.region}:[0-9]{12}:table/${each.key}$", each.value))
      error_message = "table_arns: ${each.key} must have the ARN of its replica in ${var.region}."
    }
  }
}

# Who reads which shard, and how far: the layout of the Kinesis Client Library.
resource "aws_dynamodb_table" "leases" {
  name         = "${var.name}-leases"
  region       = var.region
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "leaseKey"

  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "leaseKey"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags
}
