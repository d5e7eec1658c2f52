"""Draws all ECUs as a web page that needs no other file."""
