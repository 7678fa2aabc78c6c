"""`python -m eventing app | worker | all | migrate | openapi`."""

from attune_service_kit.service import main
from eventing.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
