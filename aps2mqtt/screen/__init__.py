"""What people see: pure functions that draw, and the terminal that is drawn on."""
