"""What isolates a container or process: read, compared, explained, proven, and made by hand.

Everything here gives typed records; nothing prints. It works on containers of any engine, because
it asks the kernel.
"""
