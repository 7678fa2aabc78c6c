"""A synthetic bank: seeded people, branches, thirteen months of ledger; the truth is kept outside what Attune sees."""
