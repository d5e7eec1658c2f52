"""The commands, a module each. Its docstring is the help text, `arguments` adds its options, `run` runs it."""

# In the order of the help. Only the module of the command that is called is imported.
ABOUT = {
    "init": "find the ECU, write the configuration file and check it",
    "find": "look for ECUs in the networks of this machine",
    "once": "poll the ECU once, publish, exit",
    "run": "poll every APS_ECU_POLL_INTERVAL seconds (the default)",
    "check": "test configuration, ECU and broker; show what to fix",
    "show": "draw the array, from the ECU or live from the broker",
    "history": "draw the ECU's own history of power and energy",
    "schedule": "list the polling windows of the next days",
    "units": "write systemd units and a crontab for this installation",
    "health": "health check: does polling work?",
    "migrate": "move from aps2mqtt 2.x to this version",
    "forget": "remove an ECU or an inverter from the broker",
    "capture": "save raw ECU answers for a bug report",
    "decode": "show captured frames field by field",
    "simulate": "run a simulated ECU on this machine",
    "demo": "run a complete demo without any setup",
}
