"""The browser: its process, the DevTools pipe, sessions, and the compositor that draws when told to."""
