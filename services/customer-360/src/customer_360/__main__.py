"""`python -m customer_360 app | worker | all | migrate | openapi`."""

from attune_service_kit.service import main
from customer_360.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
