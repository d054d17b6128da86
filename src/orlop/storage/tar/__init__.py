"""Archives of tar's formats: ustar, pax, GNU, star and what was before them, as a stream of bytes.

Nothing here knows of files on disk: names are what the archive says, and may be anything.
"""
