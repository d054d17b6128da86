"""The engine: containers, execs, images and volumes of one data root, as asyncio services."""
