"""What people and programs talk to; nothing below imports a face."""
