"""What a command line says, as values: options, the request, the composition's source, the output, buckets, targets."""
