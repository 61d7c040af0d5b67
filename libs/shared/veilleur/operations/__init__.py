"""Commands for those who run an installation: the doctor, and backups."""
