"""A job's own process."""

import sys

from attune_service_kit.jobs import main
from sample.app import SERVICE

if __name__ == "__main__":
    main(SERVICE, sys.argv[1])
