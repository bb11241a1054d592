"""From captured pictures to one MP4: pictures, encode units, segments, concatenation.

Read in this order: `settings` (what shapes the bytes), `codecs` (the table), `picture` (JPEG or PNG to YUV),
`unit` (a fresh encoder per grid cell), `track` (the timestamp rule), `segment` (a chunk's file), `concat`
(the film).
"""
