"""The loop: what is observed goes through the decision, and the decision is carried out."""
