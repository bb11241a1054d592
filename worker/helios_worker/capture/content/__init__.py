"""What a page is served: the composition's files, and the recorded answers of the network."""
