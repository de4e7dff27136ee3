output "name" {
  description = "Name of the table in every region."
  value       = aws_dynamodb_table.this.name
}

output "arns" {
  description = "ARN of the table by region; known only when every replica exists."
  value = merge(
    { (var.region) = aws_dynamodb_table.this.arn },
    { for replica in aws_dynamodb_table.this.replica : replica.region_name => replica.arn },
  )
}
