"""From captured pictures to encoded video: settings, codecs, colour conversion, encode units."""
