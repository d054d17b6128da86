"""The API's resources: handlers, and the routes by which they are reached."""
