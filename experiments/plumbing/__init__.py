"""What every command needs: configs, files, one-line errors, processes."""
