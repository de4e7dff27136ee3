# One table, the same in every region: L2 of one cache.
resource "aws_dynamodb_table" "this" {
  name         = var.name
  region       = var.region
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "key"

  # Global tables replicate through streams of both images.
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "key"
    type = "S"
  }

  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = var.recovery_days
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arns[var.region]
  }

  # Recovery and protection are off in a replica unless it says so itself.
  dynamic "replica" {
    for_each = var.replica_regions

    content {
      region_name                 = replica.value
      kms_key_arn                 = var.kms_key_arns[replica.value]
      consistency_mode            = "EVENTUAL"
      point_in_time_recovery      = true
      deletion_protection_enabled = var.deletion_protection
      propagate_tags              = true
    }
  }

  tags = var.tags
}
