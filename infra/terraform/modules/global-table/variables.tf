variable "name" {
  description = "Name of the table, the same in every region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,255}$", var.name))
    error_message = "name: 3 to 255 of the characters a-z, A-Z, 0-9, '_', '.' and '-'."
  }
}

variable "region" {
  description = "Region of the table that Terraform manages; the others are its replicas. A change replaces the table."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: the code of a region, such as us-east-1."
  }
}

variable "replica_regions" {
  description = "The other regions."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.replica_regions) > 0 && !contains(var.replica_regions, var.region)
    error_message = "replica_regions: at least one region, and not the one in `region`."
  }

  validation {
    condition     = alltrue([for region in var.replica_regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "replica_regions: codes of regions, such as eu-west-1."
  }
}

variable "kms_key_arns" {
  description = "The key that encrypts the table, by region; one for `region` and for each of `replica_regions`. A change recreates the replica."
  type        = map(string)
  nullable    = false

  validation {
    condition     = toset(keys(var.kms_key_arns)) == setunion(var.replica_regions, [var.region])
    error_message = "kms_key_arns: exactly one key for each region of the table."
  }

  validation {
    condition     = alltrue([for region, arn in var.kms_key_arns : can(regex("^arn:[a-z-]+:kms:${region}:[0-9]{12}:key/", arn))])
    error_message = "kms_key_arns: the ARN of a key (not an alias) in the region that it stands for."
  }
}

variable "deletion_protection" {
  description = "Whether every replica refuses to be deleted."
  type        = bool
  nullable    = false
  default     = true
}

variable "recovery_days" {
  description = "How many days back the table of `region` can be restored; replicas keep the provider's default of 35."
  type        = number
  nullable    = false
  default     = 35

  validation {
    condition     = var.recovery_days >= 1 && var.recovery_days <= 35 && floor(var.recovery_days) == var.recovery_days
    error_message = "recovery_days: a whole number from 1 to 35."
  }
}

variable "tags" {
  description = "Tags of the table and its replicas."
  type        = map(string)
  nullable    = false
  default     = {}
}
