variable "name" {
  description = "Name of the stream; the lease table is called `<name>-leases`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,120}$", var.name))
    error_message = "name: 3 to 120 of the characters a-z, A-Z, 0-9, '_', '.' and '-'."
  }
}

variable "region" {
  description = "Region of the stream, the leases and the replicas that are captured. A change replaces them all."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: the code of a region, such as us-east-1."
  }
}

variable "table_arns" {
  description = "The tables to capture: name to the ARN of the replica in `region`, as `arns` of module global-table gives it."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.table_arns) > 0
    error_message = "table_arns: at least one table."
  }
}

variable "kms_key_arn" {
  description = "The key of this region that encrypts the stream and the lease table."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:${var.region}:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn: the ARN of a key (not an alias) in `region`."
  }
}

variable "retention_hours" {
  description = "How long the stream keeps changes: how long sync may be down without a flush of every cache."
  type        = number
  nullable    = false
  default     = 168

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760 && floor(var.retention_hours) == var.retention_hours
    error_message = "retention_hours: a whole number from 24 to 8760."
  }
}

variable "deletion_protection" {
  description = "Whether the lease table refuses to be deleted."
  type        = bool
  nullable    = false
  default     = true
}

variable "tags" {
  description = "Tags of the stream and the lease table."
  type        = map(string)
  nullable    = false
  default     = {}
}
