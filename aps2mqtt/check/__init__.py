"""Why it does not work: every step of a job, tried one by one, with its remedy."""
