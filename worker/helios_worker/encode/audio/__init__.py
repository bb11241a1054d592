"""Audio tracks; today they are copied."""
