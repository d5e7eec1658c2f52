"""The sources of readings. A source returns what it read; truth/ decides what is true of it."""
