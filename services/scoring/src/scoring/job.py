"""A job's own process: `python -m scoring.job ID`."""

import sys

from attune_service_kit.jobs import main
from scoring.app import SERVICE

if __name__ == "__main__":
    main(SERVICE, sys.argv[1])
