"""What only projects (RCPSP) have: their schedules can be justified and crossed."""
