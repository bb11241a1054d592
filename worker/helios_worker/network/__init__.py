"""What a page and a download may reach, and the one way to it: a name is resolved once, checked, and connected to."""
