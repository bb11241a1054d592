"""The command line as checked values: options, render request, source, output, buckets, targets.

Whatever is plainly wrong is refused here, before a browser or a worker is started.
"""
