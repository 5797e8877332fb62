"""What the README says one can rely on: a file for each promise that no other test keeps."""
