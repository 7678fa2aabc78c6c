"""`python -m insight app | worker | all | migrate | openapi`."""

from attune_service_kit.service import main
from insight.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
