"""What is shown in a terminal, and how a render is interrupted from one."""
