"""From captured pictures to one MP4: pictures, encode units, segments, concatenation.

Read in this order: `video/settings` (all that shapes the bytes), `video/codecs` (the table), `video/picture` (JPEG or
PNG to YUV), `video/unit` (a fresh encoder for each grid cell), `mp4/track` (the timestamp rule), `proof/segment` (a
chunk's file), `film/concat` (the film).
"""
