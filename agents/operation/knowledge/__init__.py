"""What is learned from executions: experience, beliefs that fade, and which policy is in force."""
