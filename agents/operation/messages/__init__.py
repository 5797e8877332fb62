"""What is said while tasks are run, who hears it, and how it comes in."""
