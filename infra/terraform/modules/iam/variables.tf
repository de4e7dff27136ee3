variable "name" {
  description = "First part of the roles' names: `<name>-service-<region>`, `-sync-`, `-deployer-`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,32}$", var.name))
    error_message = "name: 1 to 32 characters that the name of a role may hold."
  }
}

variable "region" {
  description = "Region whose tables and stream the roles may use."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: the code of a region, such as us-east-1."
  }
}

variable "partition" {
  description = "Partition of AWS: aws or aws-us-gov."
  type        = string
  nullable    = false
  default     = "aws"

  validation {
    condition     = contains(["aws", "aws-us-gov"], var.partition)
    error_message = "partition: aws or aws-us-gov."
  }
}

variable "trust_policies" {
  description = "Who may take each role: an assume-role policy (JSON) for `service`, `sync` and `deployer`."
  type = object({
    service  = string
    sync     = string
    deployer = string
  })
  nullable = false

  validation {
    condition     = alltrue([for policy in values(var.trust_policies) : can(jsondecode(policy).Statement)])
    error_message = "trust_policies: each a policy document as JSON."
  }
}

variable "table_arns" {
  description = "ARNs of the replicas in `region`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.table_arns) > 0 && !anytrue([for arn in var.table_arns : strcontains(arn, "*")])
    error_message = "table_arns: at least one, without wildcards."
  }
}

variable "scan_table_arns" {
  description = "Of `table_arns`, those of caches whose pods warm up with `strategy: 'scan'`: the service may also scan them."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = length(setsubtract(var.scan_table_arns, var.table_arns)) == 0
    error_message = "scan_table_arns: only ARNs that are among table_arns."
  }
}

variable "table_kms_key_arns" {
  description = "ARNs of the keys of `region` that encrypt the tables."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.table_kms_key_arns) > 0 && !anytrue([for arn in var.table_kms_key_arns : strcontains(arn, "*")])
    error_message = "table_kms_key_arns: at least one, without wildcards."
  }
}

variable "stream_arn" {
  description = "ARN of the stream in `region`."
  type        = string
  nullable    = false

  validation {
    condition     = !strcontains(var.stream_arn, "*")
    error_message = "stream_arn: without wildcards."
  }
}

variable "lease_table_arn" {
  description = "ARN of the lease table in `region`."
  type        = string
  nullable    = false

  validation {
    condition     = !strcontains(var.lease_table_arn, "*")
    error_message = "lease_table_arn: without wildcards."
  }
}

variable "pipeline_kms_key_arn" {
  description = "ARN of the key of `region` that encrypts the stream and the lease table."
  type        = string
  nullable    = false

  validation {
    condition     = !strcontains(var.pipeline_kms_key_arn, "*")
    error_message = "pipeline_kms_key_arn: without wildcards."
  }
}

variable "permissions_boundary_arn" {
  description = "Policy that bounds the roles, or null."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the roles."
  type        = map(string)
  nullable    = false
  default     = {}
}
