output "sync_environment" {
  description = "What sync of each region is started with."
  value = {
    for region, pipeline in module.pipeline : region => {
      TIDEMARK_REGION      = region
      TIDEMARK_STREAM_ARN  = pipeline.stream_arn
      TIDEMARK_LEASE_TABLE = pipeline.lease_table_name
    }
  }
}

output "role_arns" {
  description = "Roles by region: `service`, `sync` and `deployer`."
  value       = { for region, iam in module.iam : region => iam.role_arns }
}
