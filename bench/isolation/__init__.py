"""What it costs that no page finds anything of another."""
