output "stream_arn" {
  description = "ARN of the stream: TIDEMARK_STREAM_ARN of sync."
  value       = aws_kinesis_stream.changes.arn

  # Whoever waits for the stream waits for the capture too.
  depends_on = [aws_dynamodb_kinesis_streaming_destination.changes]
}

output "lease_table_name" {
  description = "Name of the lease table: TIDEMARK_LEASE_TABLE of sync."
  value       = aws_dynamodb_table.leases.name
}

output "lease_table_arn" {
  description = "ARN of the lease table."
  value       = aws_dynamodb_table.leases.arn
}
