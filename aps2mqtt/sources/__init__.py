"""Where readings come from. A source says what it read; what is true of it is decided in truth/."""
