"""The execution manager: commands or simulated time, a journal, and who watches over it."""
