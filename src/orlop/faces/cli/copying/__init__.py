"""What `orlop cp` is made of: which paths mean what, and archives that are named accordingly."""
