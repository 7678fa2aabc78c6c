"""Who may do what: scopes of each role. A token carries its role's scopes; every service checks them itself."""

# Whether a customer may be contacted, and who is not to be: for whoever may have to answer for a contact.
CONTACTS = frozenset({"contacts:read", "suppressions:read"})
READ = CONTACTS | {"customers:read", "decisions:read", "opportunities:read", "tasks:read"}
# Who serves customers sees their names, and phone or document in full when there is a reason, on record.
STAFF = READ | {
    "identity:read", "customers:write", "consents:write", "tags:write", "risk:write", "decisions:write",
    "responses:write", "tasks:write", "suppressions:write",
}  # fmt: skip
# What was detected on whom, and the amounts behind it (X38): for those who act on it and those who check.
DETECTIONS = frozenset({"detections:read", "evidence:read"})
# What customers are worth, and in which segments they stand.
WORTH = frozenset({"segments:read", "features:read", "parameters:read"})

# What a trigger would have found: tried and looked at, within the caller's own branches.
BACKTESTS = frozenset({"backtests:read", "backtests:write"})

# Changes of triggers, models, campaigns and parameters: whoever proposes them sees what becomes of them.
MAKER = frozenset({"proposals:read", "proposals:write"})

ROLE_SCOPES: dict[str, frozenset[str]] = {
    "teller": frozenset(STAFF | {"visits:write"}),
    "relationship_manager": frozenset(STAFF | DETECTIONS | WORTH | {"visits:write"}),
    "call_centre": frozenset(STAFF | DETECTIONS),
    "branch_manager": frozenset(
        STAFF
        | DETECTIONS
        | WORTH
        | BACKTESTS
        | {"books:write", "results:read", "suppressions:lift", "tasks:assign", "visits:write"}
    ),
    "marketer": frozenset(
        READ
        | {"campaigns:read", "campaigns:write", "results:read", "triggers:read", "triggers:write", "detections:read"}
        | {"notices:write", "tags:define", "scores:read", "segments:read", "parameters:read"}
        | BACKTESTS
        | MAKER
    ),
    # Approves what others propose, and proposes nothing.
    "approver": frozenset(
        {"campaigns:approve", "models:approve", "parameters:approve", "triggers:approve", "proposals:read"}
        | {"backtests:read", "campaigns:read", "models:read", "models:watch", "parameters:read", "triggers:read"}
    ),
    "head_office": frozenset(
        READ
        | DETECTIONS
        | WORTH
        | {"campaigns:read", "results:read", "models:watch", "notices:write", "tags:define", "parameters:write"}
        | BACKTESTS
        | MAKER
    ),
    "data_steward": frozenset({"customers:read", "identity:read", "identities:review"}),
    # Starts trainings, scorings and comparisons, and follows these jobs.
    "model_admin": frozenset(
        WORTH
        | MAKER
        | {"models:read", "models:write", "models:watch", "scores:read", "features:write", "parameters:write"}
        | {"jobs:read"}
    ),
    "partner": frozenset({"ledger:write", "behaviours:write"}),
    "mobile": frozenset(
        {"customers:read", "identity:read", "customers:write", "consents:write", "risk:write"}
        | {"decisions:read", "decisions:write", "responses:write", "behaviours:write"}
    ),
    "auditor": frozenset(
        DETECTIONS
        | CONTACTS
        | {"parameters:read", "decisions:read", "opportunities:read", "results:read", "audit:read", "jobs:read"}
        | {"imports:read", "models:watch", "proposals:read"}
    ),
    "operator": frozenset(
        {
            "imports:read",
            "imports:write",
            "jobs:read",
            "jobs:write",
            "status:read",
            "quarantine:read",
            "quarantine:write",
            "ledger:write",
            "behaviours:write",
            "replays:write",
            "clock:write",
            "detections:read",
            "evidence:read",
            "triggers:read",
            "triggers:write",
            "backtests:read",
            "backtests:write",
            "opportunities:read",
            "features:write",
            "segments:read",
            "parameters:read",
            "models:read",
            "models:watch",
            "campaigns:read",
            "campaigns:write",
            "proposals:read",
            "proposals:write",
            "results:read",
            "results:write",
            "contacts:read",
            "contacts:write",
            "suppressions:read",
            "suppressions:write",
            "suppressions:lift",
            "suppressions:import",
        }
    ),
}

# Roles of customers themselves: their token names the one whose data it opens.
CUSTOMER_ROLES = frozenset({"mobile"})

WHOLE_BANK_BRANCH = "*"
"""The branch that the token of a whole-bank role names."""

# Roles that see the whole bank; every other staff role needs a branch in its token, `mobile` a customer.
WHOLE_BANK_ROLES = frozenset(
    {
        "marketer",
        "approver",
        "head_office",
        "data_steward",
        "call_centre",
        "model_admin",
        "partner",
        "auditor",
        "operator",
    }
)
