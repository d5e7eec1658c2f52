"""What everything else stands on: values, errors, deadlines, files, the sun. It knows no other room."""
