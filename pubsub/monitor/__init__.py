"""What the server tells about itself over HTTP: one file per page."""
