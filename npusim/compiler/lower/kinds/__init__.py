"""What lowerings of one kind share."""
