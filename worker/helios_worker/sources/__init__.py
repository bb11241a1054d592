"""Brings a composition from a bucket, an archive or the web into a folder, and trusts nothing in it."""
