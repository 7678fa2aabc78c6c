"""`python -m eventing.job <id>`: one job in a process of its own (X29)."""

import sys

from attune_service_kit.jobs import main
from eventing.app import SERVICE

if __name__ == "__main__":
    main(SERVICE, sys.argv[1])
