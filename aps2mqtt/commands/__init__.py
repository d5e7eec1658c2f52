"""The commands, a module each: its docstring is the text of its help, `arguments` says what it takes, `run` does it."""

# In the order of the help. Only the module of the command that is called is imported.
ABOUT = {
    "init": "find the ECU, write the configuration file and check it",
    "find": "look for ECUs in the networks of this machine",
    "once": "one job: query the ECU, publish, exit",
    "run": "the same job every APS_ECU_POLL_INTERVAL s (the default)",
    "check": "walk the way of a job, and say where it ends and why",
    "show": "the array as a picture: from the ECU, the broker, or live",
    "history": "what the ECU remembers: power of a day, energy by day",
    "schedule": "the windows and polls of the days to come",
    "units": "write systemd units and a crontab for this installation",
    "health": "whether the last job went well and the next is in time",
    "migrate": "move an installation of aps2mqtt 2.x over",
    "forget": "remove an ECU or an inverter from the broker",
    "capture": "the ECU's raw answers, without serial numbers, in files",
    "decode": "show frames field by field, as far as they make sense",
    "simulate": "a make-believe ECU on a TCP port of this machine",
    "demo": "the main job end to end, with nothing set up",
}
