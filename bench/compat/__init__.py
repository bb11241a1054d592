"""Whether compositions of another project look as their own renderer draws them."""
