"""`python -m scoring app | worker | all | migrate | openapi`."""

from attune_service_kit.service import main
from scoring.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
