"""The commands, a module each: its docstring is the text of its help, `arguments` says what it takes, `run` does it."""

# In the order of the help. Only the module of the command that is called is imported.
ABOUT = {
    "once": "one job: query the ECU, publish, exit",
    "run": "the same job every APS_ECU_POLL_INTERVAL seconds (the default)",
    "show": "the array as a picture: from the ECU, the broker, or live",
    "demo": "the main job end to end, with nothing set up",
    "simulate": "a make-believe ECU on a real TCP port of the loopback interface",
    "units": "write systemd units and a crontab with the paths of this installation",
    "health": "whether the last job went well and the next is not overdue",
    "migrate": "move an installation of aps2mqtt 2.x over",
    "forget": "remove an ECU or an inverter from the broker",
}
