"""What Windows configuration means: one noun per module, read through a `validators.guest.Guest`."""
