"""Answers of ECUs as documents: taken, scrubbed of serial numbers, found in text, shown field by field."""
