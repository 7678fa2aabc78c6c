"""A backtest's result for people: tables for the terminal, one page for a browser."""
