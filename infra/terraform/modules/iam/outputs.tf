output "role_arns" {
  description = "ARNs of the roles: `service`, `sync` and `deployer`."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
