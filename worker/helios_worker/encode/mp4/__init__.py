"""MP4 as a container: boxes, tracks, parameter sets, the output file."""
