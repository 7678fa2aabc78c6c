"""`python -m customer_360.job <id>`: one job in its own process."""

import sys

from attune_service_kit.jobs import main
from customer_360.app import SERVICE

if __name__ == "__main__":
    main(SERVICE, sys.argv[1])
