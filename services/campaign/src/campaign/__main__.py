"""`python -m campaign app | worker | all | migrate | openapi`."""

from attune_service_kit.service import main
from campaign.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
