"""Which model version reads documents from now on, and what that was decided by."""
