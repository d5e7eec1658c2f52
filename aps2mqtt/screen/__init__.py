"""What people see: pure functions that draw, and the terminal that shows their drawings."""
