"""Control groups: v2 is the model, v1 a table of conversions; the mode is asked once."""
