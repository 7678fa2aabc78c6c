"""A job's own process: `python -m insight.job ID`."""

import sys

from attune_service_kit.jobs import main
from insight.app import SERVICE

if __name__ == "__main__":
    main(SERVICE, sys.argv[1])
