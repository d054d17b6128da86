"""The commands below `orlop ns`, one module each."""
