"""The control loop: observe, decide, carry out the decision."""
