"""What leaves the machine: the upload, and the SAS URIs for Partner Center."""
