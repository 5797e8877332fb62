"""Jobs from files in the field's formats: each reader checks what it alone can know, and ends in an Instance."""
