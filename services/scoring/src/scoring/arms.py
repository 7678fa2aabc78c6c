"""Who answers for a customer where a model is wanted: the champion, its challenger, or no model (X13). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from attune_measure.arms import ModelArm, model_arm


@dataclass(frozen=True)
class Shares:
    """A purpose's shares in basis points, and the salt that draws its arms; `version` counts its settings."""

    version: int
    salt: str
    no_model_bp: int = 0
    challenger_bp: int = 0

    def arm(self, customer_id: UUID | str) -> ModelArm:
        """The customer's arm."""
        if not self.no_model_bp and not self.challenger_bp:
            return ModelArm.CHAMPION
        return model_arm(customer_id, salt=self.salt, no_model_bp=self.no_model_bp, challenger_bp=self.challenger_bp)


def arms_of(purposes: Sequence[str], shares: Mapping[str, Shares], customer_id: UUID) -> dict[str, ModelArm]:
    """The customer's arm of each purpose; a purpose without a setting has champions only."""
    return {
        purpose: shares[purpose].arm(customer_id) if purpose in shares else ModelArm.CHAMPION
        for purpose in dict.fromkeys(purposes)
    }
