"""`python3 -m aps2mqtt` is the same program as `aps2mqtt`."""

import sys

from aps2mqtt.cli import main

if __name__ == "__main__":
    sys.exit(main())
